import { describe, expect, it } from 'vitest';
import { EndpointSlots, type Slot } from './endpoint-slots.js';

const to = (endpointId: string, failing = false) => ({ projectId: 'proj_1', endpointId, failing });

/** Takes all that an endpoint may have. */
function fill(slots: EndpointSlots, endpointId: string, failing = false): Slot[] {
  const taken: Slot[] = [];
  for (let slot = slots.take(to(endpointId, failing)); slot; slot = slots.take(to(endpointId, failing))) taken.push(slot);
  return taken;
}

describe('EndpointSlots', () => {
  it('gives one endpoint sixteen, and one while it fails', () => {
    const slots = new EndpointSlots();
    expect(fill(slots, 'a')).toHaveLength(16);
    expect(fill(slots, 'b', true)).toHaveLength(1);
  });

  it('leaves several slots to an endpoint that comes after ten which hang, and one after twenty', () => {
    const slots = new EndpointSlots();
    for (let index = 0; index < 10; index += 1) fill(slots, `hangs-${index}`);
    expect(fill(slots, 'tenth').length).toBeGreaterThanOrEqual(4);
    for (let index = 10; index < 19; index += 1) fill(slots, `hangs-${index}`);
    expect(fill(slots, 'twentieth').length).toBeGreaterThanOrEqual(1);
  });

  it('keeps what fails out of the slots of what does not', () => {
    const slots = new EndpointSlots();
    let failing = 0;
    for (let index = 0; index < 500; index += 1) failing += fill(slots, `fails-${index}`, true).length;
    expect(failing).toBe(64);
    expect(fill(slots, 'well')).toHaveLength(16);
  });

  it('gives a slot that is free again to who waits longest and may have it', () => {
    const slots = new EndpointSlots();
    const [first] = fill(slots, 'a');
    for (let index = 0; index < 64; index += 1) fill(slots, `fails-${index}`, true);
    slots.wait(to('b'));
    expect(slots.next()?.to.endpointId).toBe('b');
    expect(slots.next()).toBeNull(); // a has all it may have, and the pool of those that fail is taken
    slots.release(first!);
    expect(slots.next()?.to.endpointId).toBe('a');
    expect(slots.next()).toBeNull(); // waited once, is called once
  });
});

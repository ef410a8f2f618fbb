import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { request } from 'undici';
import { assertPublicUrl, isPublicAddress, outboundDispatcher, type Resolve } from './outbound.js';

/** Addresses that must never be dialled, by what they are. */
const HIDDEN = [
  ['loopback', '127.0.0.1'], ['loopback', '127.255.255.254'], ['unspecified', '0.0.0.0'], ['this network', '0.1.2.3'],
  ['private', '10.0.0.1'], ['private', '172.16.0.1'], ['private', '172.31.255.255'], ['private', '192.168.1.1'],
  ['carrier NAT', '100.64.0.1'], ['Alibaba metadata', '100.100.100.200'],
  ['AWS, GCP, Azure metadata', '169.254.169.254'], ['ECS metadata', '169.254.170.2'], ['Oracle metadata', '192.0.0.192'], ['Azure wire server', '168.63.129.16'],
  ['documentation', '192.0.2.1'], ['benchmarking', '198.18.0.1'], ['multicast', '224.0.0.1'], ['reserved', '240.0.0.1'], ['broadcast', '255.255.255.255'],
  ['loopback v6', '::1'], ['unspecified v6', '::'], ['link-local v6', 'fe80::1'], ['zone', 'fe80::1%eth0'], ['site-local v6', 'fec0::1'],
  ['unique local', 'fc00::1'], ['AWS metadata v6', 'fd00:ec2::254'], ['multicast v6', 'ff02::1'], ['documentation v6', '2001:db8::1'],
  ['v4-mapped', '::ffff:127.0.0.1'], ['v4-mapped', '::ffff:a9fe:a9fe'], ['v4-mapped public', '::ffff:8.8.8.8'], ['v4-compatible', '::127.0.0.1'], ['v4-translated', '::ffff:0:127.0.0.1'],
  ['NAT64', '64:ff9b::7f00:1'], ['NAT64 metadata', '64:ff9b::169.254.169.254'], ['local NAT64', '64:ff9b:1::a00:1'],
  ['6to4', '2002:7f00:1::'], ['Teredo', '2001:0:4136:e378:8000:63bf:3fff:fdd2'], ['discard', '100::1'],
] as const;

const bracketed = (address: string) => (address.includes(':') ? `[${address.replace(/%.*/, '')}]` : address);

describe('addresses', () => {
  it.each(HIDDEN)('%s %s is not public', (_, address) => {
    expect(isPublicAddress(address)).toBe(false);
    expect(() => assertPublicUrl(`https://${bracketed(address)}/hook`, false)).toThrow('not a public address');
  });

  it.each(['8.8.8.8', '1.1.1.1', '2606:4700:4700::1111', '2a00:1450:4001:80e::200e'])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true);
    expect(assertPublicUrl(`https://${bracketed(address)}/hook`, false)).toBeInstanceOf(URL);
  });
});

describe('assertPublicUrl', () => {
  it.each([
    'https://2130706433/', 'https://0x7f000001/', 'https://0177.0.0.1/', 'https://127.1/', 'https://0xa9.254.43518/', 'https://①②⑦.0.0.1/',
    'https://localhost/', 'https://LOCALHOST./', 'https://a.localhost/', 'https://[::ffff:7f00:1]:8443/',
  ])('refuses %s, another spelling of a hidden host', (url) => {
    expect(() => assertPublicUrl(url, false)).toThrow('not a public address');
  });

  it.each(['', 'no url', 'ftp://example.com/', 'file:///etc/passwd', 'javascript:alert(1)', 'gopher://example.com'])('refuses %j', (url) => {
    for (const allowPrivate of [false, true]) expect(() => assertPublicUrl(url, allowPrivate)).toThrow('is not an http or https URL');
  });

  it('refuses a URL that is longer than any in use, at once', () => {
    expect(() => assertPublicUrl(`https://example.com/${'/'.repeat(1_000_000)}x`, true)).toThrow('at most 2000');
  });

  it('refuses credentials in the URL, and http unless private hosts are allowed', () => {
    expect(() => assertPublicUrl('https://user:secret@example.com', true)).toThrow('user name or password');
    expect(() => assertPublicUrl('http://example.com', false)).toThrow('not https');
    expect(assertPublicUrl('http://127.0.0.1:9000/hook', true).port).toBe('9000');
    expect(assertPublicUrl('https://example.com/hook', false).hostname).toBe('example.com');
  });
});

describe('outboundDispatcher', () => {
  let server: Server;
  let port: number;
  let connections = 0;
  beforeAll(async () => {
    server = createServer((_, response) => response.end('reached')).on('connection', () => { connections += 1; }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => { server.close(); });

  const resolvingTo = (...addresses: string[]): Resolve => (_, __, callback) =>
    callback(null, addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
  const call = (host: string, resolve?: Resolve, allowPrivate = false) =>
    request(`http://${host}:${port}/`, { dispatcher: outboundDispatcher(allowPrivate, resolve) });

  it('reaches the server when private hosts are allowed', async () => {
    expect(await (await call('127.0.0.1', undefined, true)).body.text()).toBe('reached');
  });

  it('refuses a literal address, a name of one, and a name of which one address is hidden, without a connection', async () => {
    connections = 0;
    await expect(call('127.0.0.1')).rejects.toThrow('not a public address');
    await expect(call('[::ffff:127.0.0.1]')).rejects.toThrow('not a public address');
    await expect(call('localhost')).rejects.toThrow('not a public address');
    await expect(call('innocent.example', resolvingTo('127.0.0.1'))).rejects.toThrow('resolves to what is not a public address');
    await expect(call('mixed.example', resolvingTo('8.8.8.8', '127.0.0.1'))).rejects.toThrow('resolves to what is not a public address');
    await expect(call('empty.example', resolvingTo())).rejects.toThrow('no address');
    expect(connections).toBe(0);
  });

  it('dials the address it checked: a name is resolved once per connection, by the look-up that checks', async () => {
    const answers = ['8.8.8.8', '127.0.0.1'];
    const asked: string[] = [];
    const rebinding: Resolve = (hostname, _, callback) => callback(null, [{ address: answers[asked.push(hostname) - 1]!, family: 4 }]);
    connections = 0;
    const dispatcher = outboundDispatcher(false, rebinding);
    // Whether the public address answers, is unreachable or stays silent: the hidden one is not tried in its place.
    await expect(request(`http://rebind.example:${port}/`, { dispatcher, signal: AbortSignal.timeout(200) })).rejects.toThrow();
    expect(asked).toHaveLength(1);
    await expect(request(`http://rebind.example:${port}/`, { dispatcher })).rejects.toThrow('resolves to what is not a public address');
    expect(connections).toBe(0);
  });
});

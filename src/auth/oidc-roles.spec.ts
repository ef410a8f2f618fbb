import { describe, expect, it } from 'vitest';
import { rolesOf } from './oidc-roles.js';

describe('rolesOf', () => {
  it.each([
    [['acme:editor', 'viewer'], { acme: 'editor', home: 'viewer' }],
    ['acme:admin', { acme: 'admin' }],
    [['acme:viewer', 'acme:deployer', 'acme:annotator'], { acme: 'deployer' }],
    [['acme:root', 'acme:system', 'platform', ':admin', 'acme:', 'ADMIN', 'a:b:viewer'], { 'a:b': 'viewer' }],
    [[7, null, { role: 'admin' }], {}],
    [undefined, {}],
    [{ acme: 'admin' }, {}],
  ])('reads %j', (claim, roles) => {
    expect(Object.fromEntries(rolesOf(claim, 'home'))).toEqual(roles);
  });
});

import ipaddr from 'ipaddr.js';
import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { isIP } from 'node:net';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { DomainError } from './errors.js';

/** Azure's wire server answers machines on this address, which is in no special range. */
const METADATA_IN_PUBLIC_SPACE = new Set(['168.63.129.16']);
const GLOBAL_UNICAST_V6 = ipaddr.parseCIDR('2000::/3');
const CONNECT_TIMEOUT_MS = 10_000;

/** How a name becomes addresses; `dns.lookup` outside tests. */
export type Resolve = (hostname: string, options: LookupOptions & { all: true }, callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void) => void;

/**
 * Whether an address is one of the public internet: not loopback, private, link-local (where clouds keep credentials),
 * multicast or reserved, nor an IPv6 form that carries an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo).
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address) || METADATA_IN_PUBLIC_SPACE.has(address)) return false;
  const parsed = ipaddr.parse(address);
  return parsed.range() === 'unicast' && (parsed.kind() === 'ipv4' || parsed.match(GLOBAL_UNICAST_V6));
}

const refusal = (host: string, why: string) => new DomainError('bad_input',
  `${JSON.stringify(host)} cannot be called: ${why}. Use a public address, or set TRIAD_ALLOW_PRIVATE_URLS=1 where that is safe.`, 'url');

/** Longer ones are in no use, and what reads them need not be quick then. */
const MAX_URL_CHARACTERS = 2_000;

const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');

/**
 * Checks a URL that a user gave before anything is sent to it. Names are checked again, by their addresses, when dialled.
 * @param allowPrivate also http, and hosts of this machine and its networks (development)
 * @throws DomainError bad_input for what is no http(s) URL, is too long, holds credentials, or names a host that is not public.
 */
export function assertPublicUrl(url: string, allowPrivate: boolean): URL {
  if (url.length > MAX_URL_CHARACTERS) throw new DomainError('bad_input', `The URL has ${url.length} characters; at most ${MAX_URL_CHARACTERS} are allowed.`, 'url');
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (!parsed || !['http:', 'https:'].includes(parsed.protocol)) throw new DomainError('bad_input', `${JSON.stringify(url)} is not an http or https URL.`, 'url');
  if (parsed.username || parsed.password) throw new DomainError('bad_input', 'The URL holds a user name or password; it would be stored and shown. Leave it out.', 'url');
  if (allowPrivate) return parsed;
  if (parsed.protocol !== 'https:') throw refusal(parsed.host, 'it is not https');
  const host = hostOf(parsed);
  if (isIP(host) ? !isPublicAddress(host) : /(^|\.)localhost\.?$/i.test(host)) throw refusal(host, 'it is not a public address');
  return parsed;
}

/**
 * A dispatcher for URLs that users gave. It resolves names itself and dials only what it has checked, so that a name that
 * changes its address between check and call gains nothing. It follows no redirects: a 3xx is an answer like any other.
 */
export function outboundDispatcher(allowPrivate: boolean, resolve: Resolve = lookup): Dispatcher {
  if (allowPrivate) return new Agent({ connectTimeout: CONNECT_TIMEOUT_MS });
  const dial = buildConnector({ timeout: CONNECT_TIMEOUT_MS, lookup: publicLookup(resolve) });
  return new Agent({
    connect: (options, callback) => {
      // The system skips the look-up for a literal address.
      const host = options.hostname.replace(/^\[|\]$/g, '');
      if (isIP(host) && !isPublicAddress(host)) callback(refusal(host, 'it is not a public address'), null);
      else dial(options, callback);
    },
  });
}

/** A `lookup` for sockets that answers only when every address of the name is public. */
function publicLookup(resolve: Resolve) {
  return (hostname: string, options: LookupOptions, callback: (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void): void => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      const first = addresses[0];
      if (!first) return callback(refusal(hostname, 'it has no address'), []);
      // The address stays untold: callers shall not learn the names of this network.
      if (!addresses.every(({ address }) => isPublicAddress(address))) return callback(refusal(hostname, 'it resolves to what is not a public address'), []);
      if (options.all) return callback(null, addresses);
      return callback(null, first.address, first.family);
    });
  };
}

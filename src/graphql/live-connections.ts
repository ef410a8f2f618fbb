import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { AuthService } from '../auth/auth.service.js';
import { DomainError } from '../common/errors.js';

/** How often credentials are asked about, milliseconds; with the half second that a key is remembered, a connection outlives its own by less than one second. */
const RECHECK_MS = 400;

/** An open WebSocket, and how it is closed once its credential no longer holds. */
export interface LiveConnection {
  authorization: string | undefined;
  /** Of a user who has roles in several projects: the one to act in. */
  project: string | undefined;
  forbid(): void;
}

/** Asks again and again whether the credentials of open connections still hold: one question per credential. */
@Injectable()
export class LiveConnections implements OnModuleDestroy {
  private readonly open = new Set<LiveConnection>();
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly auth: AuthService) {}

  onModuleDestroy(): void {
    this.open.clear();
    this.stopWhenEmpty();
  }

  /** Whether the credential holds; if so it is asked about for as long as the connection is open. */
  async admit(connection: LiveConnection): Promise<boolean> {
    this.open.add(connection); // before the wait: one that closes meanwhile is taken out again
    this.timer ??= setInterval(() => void this.recheck(), RECHECK_MS).unref();
    const holds = await this.holds(connection);
    if (!holds) this.leave(connection);
    return holds && this.open.has(connection);
  }

  leave(connection: LiveConnection): void {
    this.open.delete(connection);
    this.stopWhenEmpty();
  }

  private async recheck(): Promise<void> {
    const byCredential = new Map<string, LiveConnection[]>();
    for (const connection of this.open) {
      const credential = JSON.stringify([connection.authorization, connection.project]);
      byCredential.set(credential, [...byCredential.get(credential) ?? [], connection]);
    }
    await Promise.all(Array.from(byCredential.values(), async (connections) => {
      if (await this.holds(connections[0]!)) return;
      for (const connection of connections) {
        this.leave(connection);
        connection.forbid();
      }
    }));
  }

  /** While nobody can say (Postgres is away) a credential that held goes on holding. */
  private async holds({ authorization, project }: LiveConnection): Promise<boolean> {
    try {
      await this.auth.authenticate(authorization, `req-${randomUUID()}`, project);
      return true;
    } catch (error) {
      return !(error instanceof DomainError && ['unauthenticated', 'forbidden'].includes(error.code));
    }
  }

  private stopWhenEmpty(): void {
    if (this.open.size > 0 || !this.timer) return;
    clearInterval(this.timer);
    this.timer = null;
  }
}

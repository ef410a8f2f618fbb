import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { AuthService } from '../auth/auth.service.js';
import { DomainError } from '../common/errors.js';

/** How long a connection may outlive its credential, milliseconds. */
const RECHECK_MS = 2000;

/** An open WebSocket, and how it is closed once its credential no longer holds. */
export interface LiveConnection {
  authorization: string | undefined;
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
    if (!await this.holds(connection.authorization)) return false;
    this.open.add(connection);
    this.timer ??= setInterval(() => void this.recheck(), RECHECK_MS).unref();
    return true;
  }

  leave(connection: LiveConnection): void {
    this.open.delete(connection);
    this.stopWhenEmpty();
  }

  private async recheck(): Promise<void> {
    const credentials = new Set(Array.from(this.open, ({ authorization }) => authorization));
    await Promise.all(Array.from(credentials, async (credential) => {
      if (await this.holds(credential)) return;
      for (const connection of this.open) if (connection.authorization === credential) connection.forbid();
    }));
  }

  /** While nobody can say (Postgres is away) a credential that held goes on holding. */
  private async holds(authorization: string | undefined): Promise<boolean> {
    try {
      await this.auth.authenticate(authorization, `req-${randomUUID()}`);
      return true;
    } catch (error) {
      return !(error instanceof DomainError && error.code === 'unauthenticated');
    }
  }

  private stopWhenEmpty(): void {
    if (this.open.size > 0 || !this.timer) return;
    clearInterval(this.timer);
    this.timer = null;
  }
}

import { Column, Entity, PrimaryColumn } from 'typeorm';

const count = { transformer: { to: (value: number) => value, from: Number }, default: 0 };

/** What was used in a calendar month (UTC), by API key. */
@Entity('usage_months')
export class UsageMonthEntity {
  @PrimaryColumn('text') projectId: string;
  /** Id of the API key; empty for jobs. */
  @PrimaryColumn('text') keyId: string;
  /** Its first day. */
  @PrimaryColumn('date') month: string;
  @Column('bigint', count) promptTokens: number;
  @Column('bigint', count) completionTokens: number;
  /** Millionths of the currency of the configured prices. */
  @Column('bigint', count) costMicros: number;
}

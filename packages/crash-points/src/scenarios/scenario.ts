/** Something that happens in a system while its services die; it ends when all has ended that was accepted in it. */
import type { User } from './user.ts';

export interface Scenario {
  readonly name: string;
  /** Of the points that others reach, too, those that are tried in this one again, each time that it comes to one. */
  readonly apart?: RegExp;
  readonly run: (user: User, mark: string) => Promise<void>;
}

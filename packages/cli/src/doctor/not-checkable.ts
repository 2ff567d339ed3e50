/** Thrown where something that another check tells of is in the way: then this one says nothing about its own matter. */
export class NotCheckable extends Error {
  override readonly name = 'NotCheckable';
}

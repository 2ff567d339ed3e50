/** The broker's absence is waited out for so long; then whoever asked hears that nothing is known. */
export const appendLimitMs = 20_000;

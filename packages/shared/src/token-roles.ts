/** Each may what those before it may: reads; submits, and cancels what it submitted; works for all; decides who may. */
export const tokenRoles = ['viewer', 'submitter', 'operator', 'admin'] as const;
export type TokenRole = (typeof tokenRoles)[number];

export function isAtLeast(role: TokenRole, least: TokenRole): boolean {
  return tokenRoles.indexOf(role) >= tokenRoles.indexOf(least);
}

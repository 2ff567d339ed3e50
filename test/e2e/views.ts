/** What `--json` prints, as far as the tests look at it. */
export interface Shown {
  readonly id: string;
  readonly status: string;
  readonly outcome: string | null;
  readonly exitCode: number | null;
  readonly result: unknown;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly vm: string | null;
  readonly attempts: readonly {
    readonly number: number;
    readonly vm: string | null;
    readonly exitCode: number | null;
    readonly error: { readonly code: string } | null;
  }[];
}

export interface Events {
  readonly events: readonly { readonly seq: number; readonly type: string; readonly data: Record<string, unknown> }[];
}

export interface Audit {
  readonly vms: number;
  readonly leaked: readonly unknown[];
  readonly missing: readonly unknown[];
}

export interface Status {
  readonly nats: {
    readonly url: string;
    readonly pid: number;
    readonly ca: string;
    readonly submit: { readonly user: string; readonly credentials: string };
  };
  readonly http: { readonly url: string };
  readonly services: readonly { readonly name: string; readonly pid: number; readonly state: string }[];
}

/** What the indexer uses of it; it comes with no types of its own. */
declare module "pg" {
  export type Result = { rows: unknown[] };
  export class Client {
    constructor(options: { connectionString: string });
    connect(): Promise<void>;
    query(text: string, values?: readonly unknown[]): Promise<Result>;
    on(event: "error", listener: (error: Error) => void): this;
    end(): Promise<void>;
  }
  export class Pool {
    constructor(options: { connectionString: string; max: number });
    query(text: string, values?: readonly unknown[]): Promise<Result>;
    on(event: "error", listener: (error: Error) => void): this;
    end(): Promise<void>;
  }
  const pg: { Client: typeof Client; Pool: typeof Pool };
  export default pg;
}

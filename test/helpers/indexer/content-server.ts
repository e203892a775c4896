import type { AddressInfo } from "node:net";
import Fastify from "fastify";
import { serveCheckpoints } from "../../../offchain/api/checkpoints.ts";
import { refusalOf } from "../../../offchain/api/errors.ts";
import { reportJson, serveReports } from "../../../offchain/api/reports.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import type { SignedReport } from "../../../offchain/core/check-report.ts";
import { encodeEntries } from "../../../offchain/core/cut.ts";
import { WeftError } from "../../../offchain/core/errors.ts";
import { encodeSegment, HEADER_BYTES, SIGNATURE_BYTES } from "../../../offchain/core/segment.ts";
import type { Content } from "./scenery.ts";

export type ContentServer = {
  url: string;
  asked: number;
  askedForReports: number;
  /** By ids from 1 on. */
  reports: SignedReport[];
  close(): Promise<void>;
};

/** Where a lie is told: in a part of every checkpoint, a byte from its end. */
export type Lie = { part: "cut" | "headers" | "segments"; fromEnd: number };

/** A worker's routes over what the scenery holds, by `pageSize` items; with a lie, one byte of a part is another. */
export async function serveContents(contents: readonly Content[], pageSize: number, lie?: Lie): Promise<ContentServer> {
  const app = Fastify({ forceCloseConnections: true });
  const server: ContentServer = { url: "", asked: 0, askedForReports: 0, reports: [], close: () => app.close() };
  app.setErrorHandler((error, _request, reply) => {
    const { status, body } = refusalOf(error);
    return reply.code(status).send(body);
  });
  serveCheckpoints(app, {
    checkpointPage(part, number, from) {
      server.asked += 1;
      const content = contents.find((one) => one.number === number);
      if (!content) throw new WeftError("not_found", "no such checkpoint is committed", { field: "number" });
      const all =
        part === "cut"
          ? content.cut.entries.map((entry) => encodeEntries([entry]).slice(4))
          : content.segments.map((one) =>
              part === "segments"
                ? encodeSegment(one).slice()
                : encodeSegment(one).slice(0, HEADER_BYTES + SIGNATURE_BYTES),
            );
      if (lie?.part === part && all.length > 0) {
        const last = all[all.length - 1];
        last[last.length - 1 - lie.fromEnd] ^= 1;
      }
      const items = all.slice(from, from + pageSize);
      const next = from + items.length;
      return {
        number,
        hash: toHex(content.hash),
        from,
        items: items.map(toHex),
        next: next < all.length ? next : null,
      };
    },
  });
  serveReports(app, {
    reports(after) {
      server.askedForReports += 1;
      const all = server.reports.map(({ report, signature }, i) => ({
        id: i + 1,
        ...reportJson({ report, signature }),
      }));
      return { items: all.slice(after, after + pageSize), last: all.length };
    },
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  server.url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  return server;
}

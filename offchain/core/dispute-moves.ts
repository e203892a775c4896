import { type Bytes, equal } from "./bytes.ts";
import { type Case, type Dispute, isAccused, isAccuser, type Party, type Reply } from "./dispute.ts";
import { firstDifference } from "./model-trace-find.ts";
import type { OpenedOp } from "./model-trace-model.ts";
import type { NoPass, Pass, WrongElement, WrongSample } from "./pass.ts";

/** A committed token: which it is follows from what is held of its turn. */
export type Subject = Pick<Case, "turn" | "requestId" | "position" | "contextRoot">;

/** What is computed of tokens. */
export type Passes = {
  /** Undefined where too little is held here to say. */
  of(subject: Subject): Promise<Pass | { none: NoPass } | undefined>;
};

/** Names an answer. */
export type AnswerAt = Pick<Reply, "place" | "traceRoot">;

/** What a party says to the court next. */
export type Move =
  | { type: "answer"; roots: readonly Bytes[] }
  | { type: "demandTensor"; at: AnswerAt; tensor: number }
  | {
      type: "postGroups";
      at: AnswerAt;
      tensor: number;
      op: OpenedOp;
      groupRoots: readonly Bytes[];
      proof: readonly Bytes[];
    }
  | { type: "demandGroup"; at: AnswerAt; group: number }
  | { type: "postGroup"; at: AnswerAt; values: Bytes; proof: readonly Bytes[] }
  | { type: "proveElement"; at: AnswerAt; proof: WrongElement }
  | { type: "proveSample"; at: AnswerAt; proof: WrongSample }
  | { type: "proveNoPass"; proof: NoPass };

/** What a party has to see to. About an answer: accuse it of what is wrong in it, or show what is demanded of it. */
export type Task = { type: "answer" } | { type: "accuse" | "show"; reply: Reply } | { type: "noPass" };

/**
 * Whose turn it is, as far as it is this party's. It follows from what the court said alone, so a restart changes nothing.
 * @param helps whether it answers for others, too
 */
export function tasksOf(dispute: Dispute, party: Party, helps: boolean): Task[] {
  const replies = [...dispute.replies.values()];
  if (isAccuser(dispute, party)) {
    const mine = replies.filter(({ stage }) => stage === "answered" || stage === "groups" || stage === "group");
    // No answer changes that there is no forward pass.
    return [{ type: "noPass" }, ...mine.map((reply): Task => ({ type: "accuse", reply }))];
  }
  const isOwn = isAccused(dispute, party);
  const isOurs = (reply: Reply) => equal(reply.answerer, party.account) || (isOwn && reply.place === 0);
  const shows = replies.filter((reply) => isOurs(reply) && (reply.stage === "tensor" || reply.stage === "demanded"));
  const tasks = shows.map((reply): Task => ({ type: "show", reply }));
  const isAnswered = isOwn ? dispute.replies.has(0) : replies.some((reply) => reply.place === 0 || isOurs(reply));
  return isAnswered || (!isOwn && !helps) ? tasks : [{ type: "answer" }, ...tasks];
}

/** The move that a task comes to, by what is computed here; undefined where there is nothing to say. */
export async function moveOf(
  { accused }: Dispute,
  task: Task,
  pass: Pass | { none: NoPass },
): Promise<Move | undefined> {
  if ("none" in pass) return task.type === "noPass" ? { type: "proveNoPass", proof: pass.none } : undefined;
  switch (task.type) {
    case "noPass":
      return undefined;
    case "answer":
      // Whose own logits lead to another token would only defeat itself.
      return pass.token === accused.token ? { type: "answer", roots: pass.roots } : undefined;
    case "show":
      return show(task.reply, pass);
    case "accuse":
      return accuse(accused, task.reply, pass);
  }
}

async function show(reply: Reply, pass: Pass): Promise<Move | undefined> {
  const { stage, tensor, group } = reply;
  // What was answered with other roots, by an earlier version perhaps, cannot be opened.
  if (tensor === undefined || firstDifference(pass.roots, reply.tensorRoots) !== undefined) return undefined;
  if (stage === "tensor") return { type: "postGroups", at: reply, tensor, ...(await pass.groups(tensor)) };
  return group === undefined ? undefined : { type: "postGroup", at: reply, ...(await pass.group(tensor, group)) };
}

async function accuse(accused: Case, reply: Reply, pass: Pass): Promise<Move | undefined> {
  const { stage, tensorRoots, tensor, groupRoots, group, values } = reply;
  const other = firstDifference(pass.roots, tensorRoots);
  if (other === undefined) {
    // The answer is what is computed here, so its token is wrong, or nothing is.
    if (pass.token === accused.token) return undefined;
    return { type: "proveSample", at: reply, proof: await pass.sample() };
  }
  if (stage === "answered") return { type: "demandTensor", at: reply, tensor: other };
  // Of a later tensor nothing follows: what it is made of may be wrong as well.
  if (tensor !== other || !groupRoots) return undefined;
  if (stage === "groups") {
    const own = await pass.groups(tensor);
    const differing = firstDifference(own.groupRoots, groupRoots);
    return differing === undefined ? undefined : { type: "demandGroup", at: reply, group: differing };
  }
  if (group === undefined || !values) return undefined;
  const proof = await pass.element({ tensorRoots, tensor, groupRoots, group, bytes: values });
  return proof && { type: "proveElement", at: reply, proof };
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ElementPlace} from "../libraries/model/ModelTypes.sol";
import {Checkpoint, SnapshotProof} from "../libraries/WeftTypes.sol";
import {ITurnCourt} from "./ITurnCourt.sol";

/// @notice Who is accused of which token, and everything that follows from the snapshots that were shown. Only the hash is
/// stored; every later call passes it on.
struct Case {
    bytes32 turn;
    uint32 position; // of the token, absolute; the forward pass that decides it is over so many positions
    uint32 token; // the one that was committed to
    address operator;
    bytes32 contextRoot; // of a context that goes on at least to this token
    bytes32 model; // root of the manifest
    uint16 constants; // that the model has
    uint16 tensors; // that a forward pass has
    bytes32 requestId;
    uint16 temperature; // hundredths
    uint8 gate; // 0: no memory, and the three fields that follow are zero
    bytes32 memoryId;
    uint64 memoryCheckpoint;
    bytes32 memoryCheckpointHash;
    uint64 opened; // number of the checkpoint that has the opening
    uint64 written; // number of the checkpoint that has the token
    address accuser;
    uint256 bond; // the accuser's, in the stake token's smallest unit
}

/// @notice What has become of an accusation.
enum AccusationState {
    None,
    Open,
    Convicted, // the turn is void
    Dismissed, // an answer stood
    Dropped // a checkpoint that it rests on fell: nobody has to serve what an answer is made of; bonds went back
}

/// @notice Whose move it is about an answer.
enum Stage {
    None,
    Answered, // the accuser demands a tensor
    TensorDemanded, // anyone posts its groups' roots
    GroupsPosted, // the accuser demands a group
    GroupDemanded, // anyone posts its bytes
    GroupPosted, // anyone proves
    Stood,
    Defeated
}

/// @notice An accusation; times in seconds of active time.
struct Accusation {
    bytes32 caseHash;
    AccusationState state;
    uint8 others; // answers by others than the accused
    uint64 deadline; // of answers
}

/// @notice An answer, and how far the game about it is; times in seconds of active time.
struct Answer {
    bytes32 traceRoot;
    address answerer;
    Stage stage;
    uint64 deadline; // of the next move
    uint16 tensor; // the demanded one
    uint16 group; // the demanded one
    uint32 values; // of the demanded tensor, once its groups were posted
}

/// @notice Names an answer of an accusation.
struct AnswerAt {
    uint256 place; // 0: the accused's own; 1 to 4: others', in their order
    bytes32 traceRoot; // which it has to have
}

/// @notice An operation of the model.
struct OpAt {
    uint16 number; // among the operations
    bytes leaf;
    bytes32[] proof; // 12 siblings from the bottom up in the model's tree
}

/// @notice Up to 256 values as they are hashed.
struct TileAt {
    bytes values;
    bytes32[] proof; // from the bottom up: of a tensor's tile 4 siblings in its group and 9 in the tensor, of a constant's 24
}

/// @notice Values of a tensor of the trace: consecutive tiles, as few as have all of them.
struct TensorRun {
    TileAt[] tiles;
    bytes32[] proof; // 11 siblings from the bottom up of the tensor's root in the trace
}

/// @notice One of the things that an element is made of.
struct Operand {
    bytes leaf; // of the operation or constant that is read
    bytes32[] leafProof; // 12 siblings from the bottom up in the model's tree
    TensorRun run; // of a constant without the siblings in a trace
}

/// @notice An element that is not what it is made of.
struct ElementProof {
    bytes head; // leaf 0 of the manifest; so below
    OpAt op;
    ElementPlace place;
    TensorRun run; // one tile, which has the element
    Operand[] operands; // in the order that `ElementReads` has
    uint32 token; // at the element's position; read for embeddings only
    bytes32[] tokenProof; // 24 siblings from the bottom up in the context; of other operations none
}

/// @notice What a memory had in the rows of a context; without a gate nothing of it is read.
struct MemoryRead {
    Checkpoint checkpoint; // the one that the request names
    bytes32 slotMemory; // id of the memory that has the named one's place, which may be another; its own in an empty place
    bytes32 rowsRoot; // of that memory's rows
    bytes slotOpening; // beside the memory's place: see `MemoryTree.climb`
    // What follows is read only where the place is the named memory's.
    bytes definition; // which its id is the hash of
    uint32[] tokens; // of the longest context that fits, up to and without the token
    bytes32[] tokenSiblings; // beside these in the context tree, level by level from the bottom up, left before right
    bytes[] rows; // of every order that fits: all tiles as `Sample.probabilities` has them; of an empty row nothing
    bytes[] rowOpenings; // beside each row's place
}

/// @notice A token that does not follow from the logits that the answer itself has.
struct SampleProof {
    bytes head;
    OpAt logits;
    TensorRun run; // the whole row of the last position
    MemoryRead memory_;
}

/// @notice A context that the model has no forward pass over.
struct NoPassProof {
    bytes head;
    uint32 position; // read only where the context is not too long
    uint32 token; // which the model does not have
    bytes32[] tokenProof; // 24 siblings from the bottom up in the context
}

/// @title IInferenceCourt
/// @notice Decides one kind of accusation: that a token is not what this exact model says in this context. An answer states
/// the roots of all tensors of the forward pass; the accuser narrows it down to one element, which is recomputed here. Whoever
/// falls silent loses. Anyone may answer and prove; the accused is convicted by its own answer, or when no answer stands.
interface IInferenceCourt is ITurnCourt {
    /// @notice Somebody is accused; answers are taken before `deadline`, in active time.
    event Accused(
        bytes32 indexed id, address indexed operator, address indexed accuser, Case accused, uint64 deadline
    );
    /// @notice An answer; the accuser demands a tensor before `deadline`. So below: by when the next move has to be made.
    event AnswerGiven(
        bytes32 indexed id,
        uint256 indexed place,
        bytes32 traceRoot,
        address answerer,
        bytes32[] tensorRoots,
        uint64 deadline
    );
    /// @notice The accuser wants to see a tensor's groups.
    event TensorDemanded(bytes32 indexed id, uint256 indexed place, uint16 tensor, uint64 deadline);
    /// @notice The roots of the demanded tensor's groups.
    event GroupsPosted(
        bytes32 indexed id, uint256 indexed place, uint16 tensor, bytes32[] groupRoots, uint64 deadline
    );
    /// @notice The accuser wants to see a group.
    event GroupDemanded(bytes32 indexed id, uint256 indexed place, uint16 tensor, uint16 group, uint64 deadline);
    /// @notice The demanded group's values.
    event GroupPosted(
        bytes32 indexed id, uint256 indexed place, uint16 tensor, uint16 group, bytes values, uint64 deadline
    );
    /// @notice An element of an answer is another one than it is made of.
    event WrongElement(
        bytes32 indexed id, uint256 indexed place, uint16 op, ElementPlace element, int256 expected, int256 stated
    );
    /// @notice The token does not follow from an answer's logits.
    event WrongToken(bytes32 indexed id, uint256 indexed place, uint256 expected, uint32 stated);
    /// @notice The model has no forward pass over that context.
    event NoForwardPass(bytes32 indexed id);
    /// @notice An answer is out: proven wrong, or nobody showed what was demanded of it.
    event AnswerDefeated(bytes32 indexed id, uint256 indexed place, address answerer);
    /// @notice An answer stands: its accuser fell silent.
    event AnswerStood(bytes32 indexed id, uint256 indexed place, address answerer);
    /// @notice An accusation is over.
    event AccusationClosed(bytes32 indexed id, AccusationState state);
    /// @notice What a turn says is nobody's answer any more. Also where the operator had no stake left to take.
    event TurnVoided(bytes32 indexed turn, address indexed operator, uint32 position);
    /// @notice Somebody took what it was owed.
    event CreditWithdrawn(address indexed account, uint256 amount);

    /// @notice A parameter is out of its range.
    error InferenceCourtInvalidParameters(string parameter);
    /// @notice A part of what is shown does not lead to what it has to.
    error InferenceCourtNotProven(string part);
    /// @notice The checkpoint has fallen.
    error InferenceCourtFallen(uint64 number);
    /// @notice The operator has not signed that segment. The signer is zero where there is no signature.
    error InferenceCourtForeignSigner(address signer, address operator);
    /// @notice Nobody answers for it any more; block time in seconds.
    error InferenceCourtRetentionOver(uint256 since);
    /// @notice What this operator said can no longer cost a stake.
    error InferenceCourtNotSlashable(address operator);
    /// @notice The turn is void already.
    error InferenceCourtVoid(bytes32 turn);
    /// @notice The same accuser has accused it of the same before.
    error InferenceCourtAccusedBefore(bytes32 id);
    /// @notice The bond is higher than the caller agreed to pay.
    error InferenceCourtBondRose(uint256 bond, uint256 most);
    /// @notice That is not the case, or the accusation is over.
    error InferenceCourtWrongState(bytes32 id, AccusationState state);
    /// @notice The answer has another trace, or none.
    error InferenceCourtWrongAnswer(bytes32 id, uint256 place, bytes32 traceRoot);
    /// @notice It is another's move, or the answer is decided.
    error InferenceCourtWrongStage(bytes32 id, uint256 place, Stage stage);
    /// @notice The accused has answered, or all places of others are taken.
    error InferenceCourtNoPlace(bytes32 id);
    /// @notice Only the accuser demands.
    error InferenceCourtNotAccuser(address caller);
    /// @notice What is posted has another length than the model says.
    error InferenceCourtWrongLength(uint256 expected, uint256 actual);
    /// @notice There is no such tensor or group.
    error InferenceCourtOutOfRange(uint256 number, uint256 count);
    /// @notice Time is not yet, or no longer, there; active time in seconds.
    error InferenceCourtWrongTime(uint256 activeNow, uint256 deadline);
    /// @notice The account is owed nothing.
    error InferenceCourtNoCredit(address account);
    /// @notice What is said to be wrong is right.
    error InferenceCourtSound();

    /// @notice Accuses an author of a token that it carried or wrote at or after the request's own length. Only of what it
    /// signed: what a quorum commits to is nobody's word but the quorum's.
    /// @param open The turn's `TurnOpen`.
    /// @param openSignature Of the header of that segment, by a key that is or was the operator's: 65 bytes, low s.
    /// @param tokens A `Tokens` snapshot of that turn.
    /// @param tokensSignature Likewise; the same again where both are in one segment.
    /// @param position Of the token; one of the snapshot's, at least 1.
    /// @param mostBond What the caller pays at most; it has approved that much of the stake token.
    function accuse(
        SnapshotProof calldata open,
        bytes calldata openSignature,
        SnapshotProof calldata tokens,
        bytes calldata tokensSignature,
        uint32 position,
        uint256 mostBond
    ) external returns (bytes32 id, Case memory accused);

    /// @notice States the root of every tensor, in their order, under a bond of its own; the caller has approved it.
    /// @return place Of the answer.
    function answer(Case calldata accused, bytes32[] calldata tensorRoots) external returns (uint256 place);

    /// @notice Demands the group roots of a tensor. Only the accuser, once for each answer.
    function demandTensor(Case calldata accused, AnswerAt calldata which, uint16 tensor) external;

    /// @notice Shows the group roots of the demanded tensor, exactly as many as its values need. Anyone may.
    /// @param tensor The demanded one.
    /// @param op The operation whose tensor it is.
    /// @param proof 11 siblings from the bottom up of the tensor's root in the trace.
    function postGroups(
        Case calldata accused,
        AnswerAt calldata which,
        uint16 tensor,
        OpAt calldata op,
        bytes32[] calldata groupRoots,
        bytes32[] calldata proof
    ) external;

    /// @notice Demands the values of a group of the demanded tensor. Only the accuser.
    function demandGroup(Case calldata accused, AnswerAt calldata which, uint16 group) external;

    /// @notice Shows the demanded group's values: int32 each, big endian, exactly as many as there are. Anyone may.
    /// @param proof From the bottom up 9 siblings of the group's root in the tensor, and 11 of the tensor's in the trace.
    function postGroup(
        Case calldata accused,
        AnswerAt calldata which,
        bytes calldata values,
        bytes32[] calldata proof
    ) external;

    /// @notice Defeats an answer that is not decided yet by one of its elements. Anyone may, whatever was demanded.
    /// @param currentSet The members behind the registry's set hash; so below. Read where the accused is convicted.
    function proveElement(
        Case calldata accused,
        AnswerAt calldata which,
        ElementProof calldata proof,
        uint256[] calldata currentSet
    ) external;

    /// @notice Defeats an answer whose logits lead to another token.
    function proveSample(
        Case calldata accused,
        AnswerAt calldata which,
        SampleProof calldata proof,
        uint256[] calldata currentSet
    ) external;

    /// @notice Convicts at once who says that there is a token after such a context.
    function proveNoPass(Case calldata accused, NoPassProof calldata proof, uint256[] calldata currentSet) external;

    /// @notice Decides what time has decided: answers whose next move is missing, and then the accusation when no answer can
    /// come and none is undecided. Reverts with `InferenceCourtWrongTime` where there is nothing to decide.
    function conclude(Case calldata accused, uint256[] calldata currentSet) external;

    /// @notice Pays the caller what it is owed.
    function withdraw() external;

    /// @notice Id of an accusation.
    function idOf(bytes32 turn, uint32 position, address accuser) external view returns (bytes32);

    /// @notice An accusation; zeros where there is none.
    function accusationOf(bytes32 id) external view returns (Accusation memory);

    /// @notice An answer; zeros where there is none.
    function answerOf(bytes32 id, uint256 place) external view returns (Answer memory);

    /// @notice What an accusation of an operator costs now; in the stake token's smallest unit.
    function bondOf(address operator) external view returns (uint256);

    /// @notice What an answer costs; in the stake token's smallest unit.
    function answerBond() external view returns (uint256);

    /// @notice Seconds of active time from an accusation to its last answer, and of each move about an answer.
    function windows() external view returns (uint64 answerSeconds, uint64 moveSeconds);

    /// @notice What an account is owed; in the stake token's smallest unit.
    function creditOf(address account) external view returns (uint256);

    /// @notice Which models are exact.
    function models() external view returns (address);

    /// @notice What judges who may be accused of what, and proofs.
    function examiners() external view returns (address subjects, address elements, address samples);

    /// @notice The registry that holds the stakes.
    function registry() external view returns (address);
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IWeftReader, ProvenClose} from "../interfaces/IWeftReader.sol";
import {SnapshotProof} from "../libraries/WeftTypes.sol";
import {CanonicalAnswers} from "../readers/CanonicalAnswers.sol";

/// @title AnswerEscrow
/// @notice Holds a payment, in the chain's currency, for the canonical answer to a request, and owes it to the operator
/// that gave it. The request id fixes everything about the answer; whoever needs an unbiased one draws the nonce from
/// the randomness of a later block, as `OnChainCharacter` does.
/// @dev INVARIANT: the balance is the amounts of open orders plus all credits (plus what was sent here unasked).
contract AnswerEscrow is CanonicalAnswers {
    struct Order {
        address payer;
        uint64 deadline; // block time, from which the payer may take an unanswered order back
        bytes32 requestId;
        uint256 amount; // wei; zero once it is paid or taken back
        bytes32 acceptedHash; // of the operators that may answer; zero: anyone, for an exact model
    }

    uint256 private _orders;
    mapping(bytes32 id => Order) private _order;
    mapping(address account => uint256) private _credits;

    event OrderOpened(
        bytes32 indexed id, bytes32 indexed requestId, address indexed payer, uint256 amount, address[] accepted
    );
    event OrderPaid(bytes32 indexed id, address indexed operator, bytes32 turn, uint256 amount);
    event OrderTakenBack(bytes32 indexed id, uint256 amount);
    event CreditWithdrawn(address indexed account, uint256 amount);

    /// @notice An order has a price and a deadline that lies ahead.
    error AnswerEscrowBadOrder(uint256 amount, uint64 deadline);
    /// @notice There is no such order, or it was paid or taken back.
    error AnswerEscrowNotOpen(bytes32 id);
    /// @notice The list is not the order's, or the operator is not on it.
    error AnswerEscrowNotAccepted(address operator);
    /// @notice The order cannot be taken back: it is claimed, or its deadline is still to come.
    error AnswerEscrowNotDue(bytes32 id, uint64 deadline);
    /// @notice The caller has nothing to withdraw, or did not take it.
    error AnswerEscrowNotWithdrawn(address account, uint256 amount);

    constructor(IWeftReader reader_, uint32 claimWindow_) CanonicalAnswers(reader_, claimWindow_) {}

    /// @notice Offers the sent amount for the canonical answer to a request.
    /// @param accepted Whose answers count. None for an exact model, of which everybody's are the same; a tolerant model
    /// has no canonical answer, so there the first of these operators' is taken.
    function open(bytes32 requestId, uint64 deadline, address[] calldata accepted)
        external
        payable
        returns (bytes32 id)
    {
        if (msg.value == 0 || deadline <= block.timestamp) revert AnswerEscrowBadOrder(msg.value, deadline);
        id = keccak256(abi.encode(address(this), ++_orders, msg.sender, requestId));
        _order[id] = Order(msg.sender, deadline, requestId, msg.value, _hash(accepted));
        emit OrderOpened(id, requestId, msg.sender, msg.value, accepted);
    }

    /// @notice Shows an answer: the `TurnClose` of a turn in a final checkpoint. Anyone may.
    /// @param accepted The order's list.
    function claim(bytes32 id, SnapshotProof calldata proof, address[] calldata accepted) external {
        Order storage order = _open(id);
        address operator = proof.header.operator;
        if (!_isAccepted(order.acceptedHash, accepted, operator)) revert AnswerEscrowNotAccepted(operator);
        _claim(id, order.requestId, proof);
    }

    /// @notice Credits the operator of the canonical answer once the claim window is over. Anyone may call it.
    function settle(bytes32 id) external {
        Order storage order = _open(id);
        uint256 amount = order.amount;
        ProvenClose memory answer = _settled(id);
        order.amount = 0;
        _credits[answer.place.operator] += amount;
        emit OrderPaid(id, answer.place.operator, answer.turn, amount);
    }

    /// @notice Credits the payer of an order that nobody has answered by its deadline. Anyone may call it.
    function takeBack(bytes32 id) external {
        Order storage order = _open(id);
        if (block.timestamp < order.deadline || _isClaimed(id)) revert AnswerEscrowNotDue(id, order.deadline);
        uint256 amount = order.amount;
        order.amount = 0;
        _credits[order.payer] += amount;
        emit OrderTakenBack(id, amount);
    }

    /// @notice Sends the caller what it is owed.
    function withdraw() external {
        uint256 amount = _credits[msg.sender];
        _credits[msg.sender] = 0;
        emit CreditWithdrawn(msg.sender, amount);
        // Its own money, to itself, last: what the caller does with the call harms nobody else.
        (bool taken,) = msg.sender.call{value: amount}("");
        if (!taken || amount == 0) revert AnswerEscrowNotWithdrawn(msg.sender, amount);
    }

    /// @notice What an account may withdraw; wei.
    function creditOf(address account) external view returns (uint256) {
        return _credits[account];
    }

    /// @notice One order.
    function orderOf(bytes32 id) external view returns (Order memory) {
        return _order[id];
    }

    function _open(bytes32 id) private view returns (Order storage order) {
        order = _order[id];
        if (order.amount == 0) revert AnswerEscrowNotOpen(id);
    }

    function _isAccepted(bytes32 hash, address[] calldata accepted, address operator) private pure returns (bool) {
        if (_hash(accepted) != hash) return false;
        if (hash == 0) return true;
        for (uint256 i = 0; i < accepted.length; ++i) {
            if (accepted[i] == operator) return true;
        }
        return false;
    }

    function _hash(address[] calldata accepted) private pure returns (bytes32) {
        return accepted.length == 0 ? bytes32(0) : keccak256(abi.encode(accepted));
    }
}

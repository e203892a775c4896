// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AvailabilityCourt} from "../courts/AvailabilityCourt.sol";
import {Kind} from "../interfaces/IAvailabilityCourt.sol";
import {OperatorStatus} from "../interfaces/IOperatorRegistry.sol";
import {WeftTree} from "../libraries/WeftTree.sol";
import {Checkpoint, CutEntry} from "../libraries/WeftTypes.sol";
import {Grove, Leaf} from "./Grove.sol";
import {VM} from "./Vm.sol";
import {WeftFixture} from "./WeftFixture.sol";

/// @notice A checkpoint of eight entries, of which one is there, and somebody who asks for them.
abstract contract ChallengeFixture is WeftFixture {
    uint256 internal constant BOND = 3 ether;
    uint32 internal constant ANSWER = 4;
    uint32 internal constant PROOF = 6;
    uint32 internal constant RETENTION = 20;
    uint32 internal constant ENTRIES = 8;
    address internal constant ASKER = address(0xA5C);
    address internal constant SERVER = address(0x5E8);

    AvailabilityCourt internal judge;
    Checkpoint internal next;
    bytes32 internal hash;
    uint256 internal made;
    uint256 internal supply;

    function setUp() public virtual override {
        super.setUp();
        _found();
        judge = new AvailabilityCourt(ledger, BOND, ANSWER, PROOF);
        manager.grantRole(1, address(judge), 0);
        manager.grantRole(5, address(judge), 0);
        token.mint(ASKER, 1000 ether);
        VM.prank(ASKER);
        token.approve(address(judge), type(uint256).max);
        _commitEntries();
        supply = token.totalSupply();
    }

    /// @dev Entry 0 is there; of the others only the count says so.
    function _commitEntries() internal {
        next = _nextCheckpoint();
        CutEntry memory e = _entry();
        bytes memory data = abi.encodePacked(e.operator, e.incarnation, e.sequence, e.head, e.ended, e.first);
        next.cutRoot = Grove.root(WeftTree.CUT, Grove.only(WeftTree.leaf(WeftTree.CUT, data)));
        next.entryCount = ENTRIES;
        (bytes memory signatures,) = _attest(next, type(uint256).max);
        ledger.commit(next, set, signatures);
        hash = ledger.checkpointHash(next.number);
        made = block.timestamp;
    }

    function _entry() internal pure returns (CutEntry memory) {
        return CutEntry(_owner(0), bytes16(uint128(7)), 1, keccak256("head"), false, 0);
    }

    function _proof() internal pure returns (bytes32[] memory) {
        return Grove.path(WeftTree.CUT, new Leaf[](0), 0);
    }

    function _ask(uint64 slot) internal returns (bytes32) {
        VM.prank(ASKER);
        return judge.challenge(next, Kind.Entry, slot, type(uint256).max);
    }

    function _serve(bytes32 id) internal {
        CutEntry memory entry = _entry();
        bytes32[] memory proof = _proof();
        VM.prank(SERVER);
        judge.answerEntry(id, entry, proof);
    }

    function _pass(uint256 time) internal {
        VM.warp(block.timestamp + time);
    }

    function _attesterPays() internal {
        VM.prank(REPORTER);
        judge.convict(hash, _sign(_key(1), hash), set);
        assert(registry.operatorOf(_owner(1)).status == OperatorStatus.Convicted);
    }

    function _now() internal view returns (uint64) {
        return registry.activeTime();
    }
}

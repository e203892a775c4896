// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
import {OperatorRecord, OperatorStatus} from "../interfaces/IOperatorRegistry.sol";
import {OperatorSet} from "../libraries/OperatorSet.sol";
import {SegmentHeader} from "../libraries/WeftTypes.sol";
import {VM} from "./Vm.sol";
import {WeftDeployment} from "./WeftFixture.sol";

/// @notice The handler's own account of what happened, kept the obvious way, which the invariants compare with.
/// @dev Operators 0..4 are honest: they sign one thing at each place. Operators 5..7 are not.
abstract contract HandlerState is WeftDeployment {
    uint256 public constant OPERATORS = 8;
    uint256 public constant HONEST = 5;
    uint64 internal constant LONGEST_PAUSE = 10;
    bytes4 internal constant UNAUTHORIZED = IAccessManaged.AccessManagedUnauthorized.selector;

    uint256[OPERATORS] public staked; // as deposited
    bool[OPERATORS] public withdrawn;
    bool[OPERATORS] public convicted;
    bool[OPERATORS] public settled;
    uint256[OPERATORS] internal _rotations;
    mapping(address signer => uint256 key) internal _keyOf;
    uint256 internal _minted;

    bytes32[] public hashes; // of checkpoints, by number
    uint256[] public parents;
    bool[] public fallen;
    bool[] public seenFinal;
    uint64 public head; // the latest that stands
    uint64[] internal _finalAt; // active time
    uint256[] internal _disputes;
    uint64[2][] internal _pauses; // from, until

    /// S12: what the registry holds and what there is at all, to the wei.
    function checkMoney() external view {
        uint256 held = 0;
        uint256 supply = _minted;
        uint256 bounties = 0;
        for (uint256 i = 0; i < OPERATORS; ++i) {
            if (settled[i]) {
                supply -= staked[i] - BOUNTY;
                bounties += BOUNTY;
            } else if (!withdrawn[i]) {
                held += staked[i];
            }
        }
        assert(token.balanceOf(address(registry)) == held);
        assert(token.balanceOf(REPORTER) == bounties);
        assert(token.totalSupply() == supply);
    }

    /// S9: whatever happens, what the honest deposited is theirs. No stake is taken twice, or without evidence.
    function checkConvictions() external view {
        for (uint256 i = 0; i < OPERATORS; ++i) {
            OperatorRecord memory record = registry.operatorOf(_owner(i));
            assert((record.status == OperatorStatus.Convicted) == convicted[i]);
            assert(i >= HONEST || !convicted[i]);
            assert(record.stake == (withdrawn[i] || settled[i] ? 0 : staked[i]));
        }
        assert(registry.setHash() == OperatorSet.hash(members()));
    }

    /// S6: every number was used once, what stands is one chain, and all that is on record is as it was committed.
    function checkChain() external view {
        uint256 last = hashes.length - 1;
        assert(ledger.lastNumber() == last);
        (uint64 number, bytes32 hash) = ledger.latestAttested();
        assert(number == head && hash == hashes[head]);
        uint256 expected = head;
        for (uint256 i = last + 1; i > 0; --i) {
            bool stands = i - 1 == expected;
            assert(fallen[i - 1] != stands);
            assert(ledger.checkpointHash(uint64(i - 1)) == hashes[i - 1]);
            if (stands && i > 1) expected = parents[i - 1];
        }
    }

    /// What was final once is final for ever, and the ledger agrees with the obvious account on what is.
    function checkFinality() external {
        uint64 latest = 0;
        for (uint64 number = 0; number < hashes.length; ++number) {
            bool isFinal = _isFinal(number);
            assert(isFinal || !seenFinal[number]);
            assert(ledger.isFinal(number) == isFinal);
            if (isFinal) latest = number;
            seenFinal[number] = isFinal;
        }
        (uint64 said,) = ledger.latestFinal();
        assert(said == latest);
    }

    /// @notice The operator set, from what the registry says of each operator.
    function members() public view returns (uint256[] memory list) {
        list = new uint256[](OPERATORS);
        uint256 count = 0;
        for (uint256 i = 0; i < OPERATORS; ++i) {
            OperatorRecord memory record = registry.operatorOf(_owner(i));
            if (record.listedSigner == address(0)) continue;
            OperatorSet.insert(list, count++, OperatorSet.word(record.listedSigner, record.stake));
        }
        return OperatorSet.copy(list, count, 0);
    }

    /// @dev Calls, and fails unless it goes as foretold: `why` zero for success.
    function _try(address from, address target, bytes memory call, bytes4 why) internal returns (bool ok) {
        bytes memory data;
        VM.prank(from);
        // solhint-disable-next-line avoid-low-level-calls
        (ok, data) = target.call(call);
        if (ok) assert(why == 0);
        else assert(bytes4(data) == why && why != 0);
    }

    function _record(bytes32 hash, uint64 parent, uint64 finalAt) internal {
        hashes.push(hash);
        parents.push(parent);
        fallen.push(false);
        seenFinal.push(false);
        _finalAt.push(finalAt);
        _disputes.push(0);
        head = uint64(hashes.length - 1);
    }

    /// @dev One of the latest checkpoints, and why it can neither be disputed nor fall.
    function _open(uint8 back) internal view returns (uint64 number, bytes4 why) {
        uint256 least = hashes.length > 4 ? hashes.length - 4 : 0;
        number = uint64(least + back % (hashes.length - least));
        if (fallen[number]) why = ICheckpointLedger.CheckpointLedgerFallen.selector;
        else if (_isFinal(number)) why = ICheckpointLedger.CheckpointLedgerFinal.selector;
    }

    function _isFinal(uint64 number) internal view returns (bool) {
        if (fallen[number] || _active() < _finalAt[number]) return false;
        for (uint256 i = number; i > 0; i = parents[i]) {
            if (_disputes[i] > 0) return false;
        }
        return true;
    }

    function _paused() internal view returns (bool) {
        return _pauses.length > 0 && block.timestamp < _pauses[_pauses.length - 1][1];
    }

    function _active() internal view returns (uint64 active) {
        active = uint64(block.timestamp);
        for (uint256 i = 0; i < _pauses.length; ++i) {
            uint64 until = _pauses[i][1];
            active -= (block.timestamp < until ? uint64(block.timestamp) : until) - _pauses[i][0];
        }
    }

    function _status(uint256 i) internal view returns (OperatorStatus) {
        return registry.operatorOf(_owner(i)).status;
    }

    /// @dev What an operator signs at a place: of 4 process starts and 4 sequences; only liars have a version 1.
    function _said(uint256 i, uint8 place, uint256 version) internal pure returns (SegmentHeader memory header) {
        header = _header(i, place / 4 % 4 + 1, keccak256(abi.encode(i, place % 16, version)));
        header.incarnation = bytes16(uint128(place % 4 + 1));
    }
}

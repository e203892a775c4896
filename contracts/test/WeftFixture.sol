// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// solhint-disable one-contract-per-file

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {CheckpointLedger} from "../CheckpointLedger.sol";
import {Guardian} from "../Guardian.sol";
import {OperatorRegistry} from "../OperatorRegistry.sol";
import {StakeToken} from "../StakeToken.sol";
import {EquivocationCourt} from "../courts/EquivocationCourt.sol";
import {ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
import {RegistryParameters} from "../interfaces/IOperatorRegistry.sol";
import {OperatorSet} from "../libraries/OperatorSet.sol";
import {WeftHash} from "../libraries/WeftHash.sol";
import {WeftTree} from "../libraries/WeftTree.sol";
import {Checkpoint, SegmentHeader} from "../libraries/WeftTypes.sol";
import {VM} from "./Vm.sol";

/// @notice A deployment with operators whose keys the test holds.
abstract contract WeftDeployment {
    uint96 internal constant MIN_STAKE = 1000 ether;
    uint96 internal constant BOUNTY = 10 ether;
    uint32 internal constant CHALLENGE_WINDOW = 5;
    uint32 internal constant UNBONDING = 60;
    address internal constant REPORTER = address(0xFEED);
    address internal constant GUARD = address(0x60A2D);
    /// @dev A court that is yet to be written.
    address internal constant LATER_COURT = address(0xC0027);

    AccessManager internal manager;
    StakeToken internal token;
    OperatorRegistry internal registry;
    CheckpointLedger internal ledger;
    EquivocationCourt internal court;
    Guardian internal guardian;
    uint256[] internal set; // what the registry's set hash stands for

    function _deploy() internal {
        VM.warp(1_800_000_000);
        manager = new AccessManager(address(this));
        token = new StakeToken(address(manager));
        registry = new OperatorRegistry(address(manager), token, _parameters());
        ledger = new CheckpointLedger(registry);
        court = new EquivocationCourt(ledger);
        guardian = new Guardian(address(manager), registry);
        _restrict(address(registry), OperatorRegistry.slash.selector, 1, address(court));
        _restrict(address(token), StakeToken.mint.selector, 2, address(this));
        _restrict(address(guardian), Guardian.pause.selector, 3, GUARD);
        _restrict(address(guardian), Guardian.resume.selector, 3, GUARD);
        _restrict(address(guardian), Guardian.invalidate.selector, 3, GUARD);
        _restrict(address(registry), OperatorRegistry.pause.selector, 4, address(guardian));
        _restrict(address(registry), OperatorRegistry.resume.selector, 4, address(guardian));
        _restrict(address(ledger), ICheckpointLedger.openDispute.selector, 1, LATER_COURT);
        _restrict(address(ledger), ICheckpointLedger.closeDispute.selector, 1, LATER_COURT);
        _restrict(address(ledger), ICheckpointLedger.fell.selector, 5, LATER_COURT);
        manager.grantRole(5, address(guardian), 0);
    }

    function _restrict(address target, bytes4 selector, uint64 role, address holder) internal {
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = selector;
        manager.setTargetFunctionRole(target, selectors, role);
        manager.grantRole(role, holder, 0);
    }

    function _parameters() internal pure virtual returns (RegistryParameters memory p) {
        p.minStake = MIN_STAKE;
        p.bounty = BOUNTY;
        p.minOperators = 4;
        p.maxOperators = 16;
        p.maxChangesPerEpoch = 2;
        p.epochSeconds = 1;
        p.unbondingSeconds = UNBONDING;
        p.signingLagSeconds = 5;
        p.challengeWindowSeconds = CHALLENGE_WINDOW;
        p.disputeWindowsSeconds = 10;
        p.retentionSeconds = 20;
        p.longestPauseSeconds = 10;
        p.graceSeconds = 5;
    }

    function _owner(uint256 i) internal pure returns (address) {
        return address(uint160(0x1000 + i));
    }

    function _key(uint256 i) internal pure returns (uint256) {
        return 0xA11CE + i;
    }

    function _signer(uint256 i) internal pure returns (address) {
        return VM.addr(_key(i));
    }

    /// @dev What key `key` signs so that operator `i` may have it.
    function _consent(uint256 i, uint256 key) internal view returns (bytes memory) {
        return _sign(_key(key), registry.consentDigest(_owner(i), _signer(key)));
    }

    function _join(uint256 i, uint96 stake) internal {
        address owner = _owner(i);
        token.mint(owner, stake);
        bytes memory consent = _consent(i, i);
        VM.prank(owner);
        token.approve(address(registry), stake);
        VM.prank(owner);
        registry.join(_signer(i), "host:1", stake, consent);
    }

    /// @dev Operators 0..stakes.length join and form the first set.
    function _found(uint96[] memory stakes) internal {
        for (uint256 i = 0; i < stakes.length; ++i) {
            _join(i, stakes[i]);
        }
        registry.activateEpoch(set);
        for (uint256 i = 0; i < stakes.length; ++i) {
            _list(OperatorSet.word(_signer(i), stakes[i]));
        }
    }

    function _found() internal {
        uint96[] memory stakes = new uint96[](4);
        for (uint256 i = 0; i < 4; ++i) {
            stakes[i] = MIN_STAKE;
        }
        _found(stakes);
    }

    function _requestExit(uint256 i) internal {
        VM.prank(_owner(i));
        registry.requestExit();
    }

    function _slash(uint256 i) internal {
        VM.prank(address(court));
        registry.slash(_owner(i), REPORTER, set);
    }

    /// @dev Of a member of the set.
    function _convict(uint256 i) internal {
        _slash(i);
        _unlist(_signer(i));
    }

    function _nextEpoch() internal {
        VM.warp(block.timestamp + 1);
        registry.activateEpoch(set);
    }

    function _list(uint256 member) internal {
        uint256[] memory grown = OperatorSet.copy(set, set.length, 1);
        OperatorSet.insert(grown, grown.length - 1, member);
        set = grown;
    }

    function _unlist(address signer) internal {
        uint256[] memory shrunk = set;
        OperatorSet.remove(shrunk, shrunk.length, signer);
        set = OperatorSet.copy(shrunk, shrunk.length - 1, 0);
    }

    function _sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _header(uint256 i, uint64 sequence, bytes32 snapshotsRoot) internal pure returns (SegmentHeader memory) {
        return SegmentHeader(_owner(i), bytes16(uint128(7)), sequence, keccak256("previous"), snapshotsRoot, 1);
    }

    function _nextCheckpoint() internal view returns (Checkpoint memory c) {
        (, bytes32 hash) = ledger.latestAttested();
        c.number = ledger.lastNumber() + 1;
        c.parent = hash;
        c.registryPosition = registry.position();
        c.registryHash = registry.positionHash(c.registryPosition);
        c.cutRoot = WeftTree.emptyRoot(WeftTree.CUT);
        c.segmentsRoot = WeftTree.emptyRoot(WeftTree.SEGMENTS);
        c.memoryRoot = WeftTree.emptyRoot(WeftTree.MEMORY);
        c.memoryTraceRoot = WeftTree.emptyRoot(WeftTree.MEMORY_TRACE);
    }

    /// @dev Signatures of the members whose bit is set (bit i is operator i), in the order of the set.
    function _attest(Checkpoint memory next, uint256 members)
        internal
        view
        returns (bytes memory signatures, uint256 signed)
    {
        bytes32 hash = WeftHash.checkpointHash(ledger.domainSeparator(), next);
        for (uint256 slot = 0; slot < set.length; ++slot) {
            address signer = OperatorSet.signerOf(set[slot]);
            for (uint256 i = 0; i < 16; ++i) {
                if (_signer(i) != signer || (members >> i) & 1 == 0) continue;
                signatures = abi.encodePacked(signatures, _sign(_key(i), hash));
                signed += OperatorSet.stakeOf(set[slot]);
            }
        }
    }

    /// @dev Everybody attests to the next checkpoint, an empty one.
    function _commit() internal returns (uint64 number, bytes32 hash) {
        Checkpoint memory next = _nextCheckpoint();
        (bytes memory signatures,) = _attest(next, type(uint256).max);
        ledger.commit(next, set, signatures);
        return ledger.latestAttested();
    }

    function _pause(uint256 duration) internal {
        VM.prank(GUARD);
        guardian.pause(duration);
    }
}

/// @notice A fresh deployment for every test.
abstract contract WeftFixture is WeftDeployment {
    function setUp() public virtual {
        _deploy();
    }
}

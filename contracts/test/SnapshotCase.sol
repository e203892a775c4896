// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CutCourt} from "../courts/CutCourt.sol";
import {ICutCourt} from "../interfaces/ICutCourt.sol";
import {SnapshotProof} from "../libraries/WeftTypes.sol";
import {Place} from "./Bodies.sol";
import {Scene, TurnFixture} from "./TurnFixture.sol";
import {VM} from "./Vm.sol";

/// @notice A turn that has begun, and accusations of what is said of it next.
abstract contract SnapshotCase is TurnFixture {
    CutCourt internal judge;
    SnapshotProof internal open;
    SnapshotProof internal given; // the last snapshot of the beginning

    function setUp() public virtual override {
        super.setUp();
        judge = new CutCourt(ledger);
        manager.grantRole(1, address(judge), 0);
        manager.grantRole(5, address(judge), 0);
        Scene memory begun = _say(1, _beginning());
        (open, given) = (_proof(begun, 0), _proof(begun, 2));
    }

    /// @dev What names the given tokens as the turn's latest.
    function _after() internal pure returns (Place memory) {
        return Place(1, 2);
    }

    function _said(bytes memory body) internal returns (SnapshotProof memory) {
        return _proof(_say(2, _alone(body)), 0);
    }

    function _hash(SnapshotProof memory proof) internal view returns (bytes32) {
        return ledger.checkpointHash(proof.number);
    }

    function _assertFell(SnapshotProof memory proof) internal view {
        assert(ledger.checkpoint(proof.number).fallen && judge.condemned(_hash(proof)));
    }

    function _sound() internal {
        VM.expectRevert(ICutCourt.CutCourtSound.selector);
    }

    function _notProven(string memory part) internal {
        VM.expectRevert(abi.encodeWithSelector(ICutCourt.CutCourtNotProven.selector, part));
    }

    function _none() internal pure returns (bytes32[] memory) {
        return new bytes32[](0);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {VM} from "../test/Vm.sol";
import {OperatorSet} from "./OperatorSet.sol";

contract OperatorSetTest {
    function testFuzz_InsertKeepsTheOrder(address[] memory signers, uint96 stake) public pure {
        VM.assume(signers.length <= 32);
        uint256[] memory set = new uint256[](signers.length);
        uint256 length = 0;
        for (uint256 i = 0; i < signers.length; ++i) {
            if (_has(set, length, signers[i])) continue;
            OperatorSet.insert(set, length, OperatorSet.word(signers[i], stake));
            ++length;
        }
        for (uint256 i = 1; i < length; ++i) {
            assert(OperatorSet.signerOf(set[i - 1]) < OperatorSet.signerOf(set[i]));
            assert(OperatorSet.stakeOf(set[i]) == stake);
        }
    }

    function testFuzz_RemoveUndoesInsert(uint160 a, uint160 b, uint160 c) public pure {
        VM.assume(a < b && b < c);
        uint256[] memory set = new uint256[](3);
        OperatorSet.insert(set, 0, OperatorSet.word(address(a), 1));
        OperatorSet.insert(set, 1, OperatorSet.word(address(c), 3));
        bytes32 before = OperatorSet.hash(OperatorSet.copy(set, 2, 0));
        OperatorSet.insert(set, 2, OperatorSet.word(address(b), 2));
        assert(set[1] == OperatorSet.word(address(b), 2));
        assert(OperatorSet.remove(set, 3, address(b)) == OperatorSet.word(address(b), 2));
        assert(OperatorSet.hash(OperatorSet.copy(set, 2, 0)) == before);
    }

    function testFuzz_HashIsThatOfTheConcatenatedWords(uint256[] memory set) public pure {
        assert(OperatorSet.hash(set) == keccak256(abi.encodePacked(set)));
    }

    function test_DuplicateIsRefused() public {
        VM.expectRevert(abi.encodeWithSelector(OperatorSet.OperatorSetDuplicateSigner.selector, address(5)));
        this.insertTwice(address(5));
    }

    function test_UnknownSignerIsRefused() public {
        VM.expectRevert(abi.encodeWithSelector(OperatorSet.OperatorSetUnknownSigner.selector, address(5)));
        this.removeFromNothing(address(5));
    }

    function insertTwice(address signer) external pure {
        uint256[] memory set = new uint256[](2);
        OperatorSet.insert(set, 0, OperatorSet.word(signer, 1));
        OperatorSet.insert(set, 1, OperatorSet.word(signer, 2));
    }

    function removeFromNothing(address signer) external pure {
        OperatorSet.remove(new uint256[](0), 0, signer);
    }

    function _has(uint256[] memory set, uint256 length, address signer) private pure returns (bool) {
        for (uint256 i = 0; i < length; ++i) {
            if (OperatorSet.signerOf(set[i]) == signer) return true;
        }
        return false;
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Handler} from "./test/Handler.sol";

/// Everything that anybody may do, at random; after each call all that must hold is looked at.
contract InvariantsTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Handler private _handler;

    function setUp() public {
        _handler = new Handler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](18);
        selectors[0] = Handler.join.selector;
        selectors[1] = Handler.rotate.selector;
        selectors[2] = Handler.exit.selector;
        selectors[3] = Handler.withdraw.selector;
        selectors[4] = Handler.activate.selector;
        selectors[5] = Handler.settle.selector;
        selectors[6] = Handler.accuse.selector;
        selectors[7] = Handler.frame.selector;
        selectors[8] = Handler.dispute.selector;
        selectors[9] = Handler.dismiss.selector;
        selectors[10] = Handler.fall.selector;
        selectors[11] = Handler.pause.selector;
        selectors[12] = Handler.resume.selector;
        selectors[13] = Handler.commit.selector;
        // As often as several others together: checkpoints, and the time that makes them final.
        selectors[14] = Handler.commit.selector;
        selectors[15] = Handler.commit.selector;
        selectors[16] = Handler.pass.selector;
        selectors[17] = Handler.pass.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(_handler), selectors);
    }

    /// S6, S9, S12. One walk for all of them, because the walk is what costs.
    function invariant_OneChainFinalForEverNobodyHonestSlashedNoneTwiceAndTheMoneyAddsUp() public {
        _handler.checkMoney();
        _handler.checkConvictions();
        _handler.checkChain();
        _handler.checkFinality();
    }
}

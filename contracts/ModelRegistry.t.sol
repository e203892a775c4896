// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ModelRegistry} from "./ModelRegistry.sol";
import {IModelRegistry, ModelClass} from "./interfaces/IModelRegistry.sol";
import {ModelReader} from "./libraries/model/ModelReader.sol";
import {Lists} from "./test/Lists.sol";
import {TinyModel} from "./test/TinyModel.sol";
import {VM} from "./test/Vm.sol";

contract ModelRegistryTest {
    ModelRegistry private _models;

    function setUp() public {
        _models = new ModelRegistry();
    }

    function _register() private {
        _models.registerExact(TinyModel.root(), TinyModel.head(), TinyModel.leafProof(0), "ipfs://tiny");
    }

    function test_AnExactModelIsKnownByItsHead() public {
        _register();
        bytes32 root = TinyModel.root();
        assert(_models.classOf(root) == ModelClass.Exact);
        assert(_models.exactModel(root).headHash == keccak256(TinyModel.head()));
        assert(_models.exactModel(root).constants == 2 && _models.exactModel(root).tensors == 2);
        assert(_models.classOf(keccak256("x")) == ModelClass.None && _models.exactModel(keccak256("x")).tensors == 0);
    }

    function test_WhatIsWrittenStays() public {
        _register();
        bytes32 root = TinyModel.root();
        VM.expectRevert(
            abi.encodeWithSelector(IModelRegistry.ModelRegistryKnown.selector, root, ModelClass.Exact)
        );
        _register();
        VM.expectRevert(
            abi.encodeWithSelector(IModelRegistry.ModelRegistryKnown.selector, root, ModelClass.Exact)
        );
        _models.registerTolerant(root, "elsewhere");
        _models.registerTolerant(keccak256("floats"), "there");
        VM.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.ModelRegistryKnown.selector, keccak256("floats"), ModelClass.Tolerant
            )
        );
        _models.registerTolerant(keccak256("floats"), "elsewhere");
    }

    /// A note by anybody keeps nobody from disputing answers of the model.
    function test_ANoteNeverStandsInTheWay() public {
        _models.registerTolerant(TinyModel.root(), "not so");
        assert(_models.classOf(TinyModel.root()) == ModelClass.Tolerant);
        _register();
        assert(_models.classOf(TinyModel.root()) == ModelClass.Exact);
    }

    function test_TheHeadIsTheFirstLeafOfThatRoot() public {
        (bytes32 root, bytes memory head) = (TinyModel.root(), TinyModel.head());
        bytes32[] memory proof = TinyModel.leafProof(0);
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryNotUnder.selector, root));
        _models.registerExact(root, bytes.concat(head, hex"00"), proof, "x");
        bytes memory second = TinyModel.leaves()[1];
        proof = TinyModel.leafProof(1);
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryNotUnder.selector, root));
        _models.registerExact(root, second, proof, "x");
    }

    function test_AHeadThatNoModelHasIsRefused() public {
        bytes memory head = bytes.concat(TinyModel.head(), hex"00");
        bytes32[] memory alone = Lists.alone(Lists.leaf(0x09, head));
        bytes32 root = Lists.rootOf(0x09, 12, alone);
        bytes32[] memory proof = Lists.pathOf(0x09, 12, alone, 0);
        VM.expectRevert(abi.encodeWithSelector(ModelReader.ModelReaderInvalid.selector, "head"));
        _models.registerExact(root, head, proof, "x");
    }

    function test_TextsHaveALength() public {
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryInvalidUri.selector, 0, 512));
        _models.registerTolerant(keccak256("floats"), "");
        (bytes32 root, bytes memory head, bytes32[] memory proof) =
            (TinyModel.root(), TinyModel.head(), TinyModel.leafProof(0));
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryInvalidUri.selector, 0, 512));
        _models.registerExact(root, head, proof, "");
        string memory long = string(new bytes(513));
        VM.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryInvalidUri.selector, 513, 512));
        _models.registerTolerant(keccak256("floats"), long);
    }
}

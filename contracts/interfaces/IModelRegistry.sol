// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What a model's answers are worth.
enum ModelClass {
    None, // nobody registered it
    Tolerant, // floats: nothing is proven
    Exact // integers: a wrong token can be proven wrong
}

/// @notice What courts need of an exact model at every step.
struct ExactModel {
    bytes32 headHash; // keccak-256 of the bytes of leaf 0
    uint16 constants;
    uint16 tensors; // of a forward pass
}

/// @title IModelRegistry
/// @notice Which models are exact, so that answers of theirs can be disputed. Anyone registers; what was written stays.
interface IModelRegistry {
    /// @notice An exact model is known from now on; `head` is leaf 0 of its manifest, which calls of courts carry.
    event ExactRegistered(bytes32 indexed root, address indexed by, bytes head, string uri);
    /// @notice Somebody says where a tolerant model is found. Nothing follows from it.
    event TolerantNoted(bytes32 indexed id, address indexed by, string uri);

    /// @notice It is known as that already.
    error ModelRegistryKnown(bytes32 id, ModelClass class);
    /// @notice The root does not have that leaf at index 0.
    error ModelRegistryNotUnder(bytes32 root);
    /// @notice The text has no character, or too many; bytes.
    error ModelRegistryInvalidUri(uint256 length, uint256 maximum);

    /// @notice Registers an exact model. One that was noted as tolerant becomes exact.
    /// @param root Of its manifest: its name in requests.
    /// @param head Leaf 0 of the manifest. Reverts with `ModelReaderInvalid` where it is not well formed.
    /// @param proof 12 siblings from the bottom up of leaf 0.
    /// @param uri Where the manifest is found.
    function registerExact(bytes32 root, bytes calldata head, bytes32[] calldata proof, string calldata uri) external;

    /// @notice Notes a tolerant model.
    /// @param id Its name in requests.
    function registerTolerant(bytes32 id, string calldata uri) external;

    /// @notice What is known of a model.
    function classOf(bytes32 id) external view returns (ModelClass);

    /// @notice What is kept of an exact model; zeros of others.
    function exactModel(bytes32 root) external view returns (ExactModel memory);
}

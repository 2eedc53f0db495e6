import Kernels
import Vocabulary

/// Integers and truth values under another order or shape: what transposition, slicing and concatenation are for tensors
/// that have no derivatives. An operation of the core, so that a recorded loss does it anew for every batch.
private final class MoveOp: Op {
  private let walks: [StridedWalk]

  init(shape: [Int], dtype: DType, walks: [StridedWalk]) {
    self.walks = walks
    super.init(shape: shape, dtype: dtype)
  }

  override var isDifferentiable: Bool { false }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    for (walk, x) in zip(walks, inputs) {
      moveElements(walk, byteCount: dtype.byteCount, UnsafeRawPointer(x.pointer), output.pointer)
    }
  }
}

/// The elements of each input along its walk, together all of the output: a linear map where they are floating.
func moved(_ name: String, _ inputs: [Tensor], to shape: [Int], _ walks: [StridedWalk]) throws -> Tensor {
  let dtype = inputs[0].dtype
  guard inputs.allSatisfy({ $0.dtype == dtype }) else {
    let given = inputs.map(\.dtype.name).joined(separator: " and ")
    throw Failure.type("\(name): the inputs must have one dtype, got \(given); convert with astype")
  }
  guard dtype.isFloating else {
    return try MoveOp(shape: shape, dtype: dtype, walks: walks).apply(inputs)
  }
  let count = shape.reduce(1, *)
  let maps = zip(walks, inputs).map { WalkMap($0, sourceCount: $1.count, destinationCount: count) }
  return try LinearOp(shape: shape, dtype: dtype, maps: maps).apply(inputs)
}

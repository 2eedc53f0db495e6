import Kernels
import Vocabulary

/// One application of an operation, with the shapes and constants it was applied to. The four passes:
/// value, tangent, pullback, and the pullback's tangent. The families below derive them from one fact each.
///
/// Pointers to gradients and tangents are valid only where the buffer is `ready`; K tangents lie on a leading axis.
class Op {
  let shape: [Int]
  let dtype: DType

  init(shape: [Int], dtype: DType) {
    self.shape = shape
    self.dtype = dtype
  }

  /// False: the output carries no gradient whatever its inputs do.
  var isDifferentiable: Bool { true }
  /// False: its derivatives need no values, as those of a linear map.
  var derivesFromValues: Bool { true }
  /// Whether derivatives read the value of an input, and that of the output. Others need not be kept.
  func reads(_ inputs: [Tensor], _ index: Int) -> Bool { derivesFromValues }
  var readsOutput: Bool { derivesFromValues }
  /// Changes state outside the graph; left out when a loss is only probed.
  var isEffect: Bool { false }
  /// What an effect changes.
  func written(_ inputs: [Tensor]) -> [Storage] { [] }
  /// Random operations draw the numbers of their stream; a replay renumbers them.
  var random: RandomStream? { nil }
  /// Memory the output shares with an input, for views.
  func sharedStorage(_ inputs: [Tensor]) -> Storage? { nil }
  /// In which order of axes the output reads it.
  func strides(_ inputs: [Tensor]) -> [Int]? { nil }

  func forward(_ inputs: [Tensor], _ output: Tensor) throws {}
  /// output.tangent from the tangents of the inputs.
  func push(_ inputs: [Tensor], _ output: Tensor, _ count: Int) throws {}
  /// Called once before the pulls of a sweep, for what they share; it stays valid for `pullTangent`.
  func preparePull(_ inputs: [Tensor], _ output: Tensor) throws {}
  /// inputs[index].gradient += pullback of output.gradient.
  func pull(_ inputs: [Tensor], _ output: Tensor, _ index: Int) throws {}
  /// inputs[index].gradientTangent += tangent of that pullback.
  func pullTangent(_ inputs: [Tensor], _ output: Tensor, _ index: Int, _ count: Int) throws {}
}

/// A result that cannot be: an axis of negative length, or more than this machine's memory.
public func checkRoom(_ shape: [Int], _ dtype: DType) throws {
  var bytes = dtype.byteCount
  for extent in shape {
    guard extent >= 0 else { throw Failure.shape("a tensor cannot have shape \(describe(shape))") }
    let (product, overflow) = bytes.multipliedReportingOverflow(by: max(1, extent))
    guard !overflow, product <= physicalMemory else {
      throw Failure(.memory, "a tensor of shape \(describe(shape)) does not fit into this machine's memory")
    }
    bytes = product
  }
}

final class RandomStream {
  var seed: UInt64
  var stream: UInt64

  init() {
    seed = Context.seed
    stream = Context.stream
    Context.stream &+= 1
  }
}

extension Op {
  /// Runs the operation on its inputs and places the result in the graph and in the recording, if there is one.
  func apply(_ inputs: [Tensor]) throws -> Tensor {
    try checkRoom(shape, dtype)
    let output: Tensor
    if let shared = sharedStorage(inputs) {
      output = Tensor(shape: shape, dtype: dtype, storage: shared, strides: strides(inputs))
    } else {
      output = try Tensor(shape: shape, dtype: dtype)
    }
    try forward(inputs, output)
    try Refusal.check()
    if isDifferentiable, Context.gradientsEnabled, inputs.contains(where: \.requiresGrad) {
      output.op = self
      output.inputs = inputs
      output.requiresGrad = true
      if derivesFromValues {
        output.versions.reserveCapacity(inputs.count + 1)
        for input in inputs { output.versions.append(input.storage.note()) }
        output.versions.append(output.storage.note())
      }
    }
    Context.recorder?.append(self, inputs, output)
    return output
  }
}

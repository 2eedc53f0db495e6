import Kernels
import Vocabulary

private struct DropoutMap: LinearMap {
  let dropout: Dropout
  var sourceCount: Int { dropout.count }
  var destinationCount: Int { dropout.count }

  func apply(_ dtype: DType, _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ accumulate: Bool) {
    dropout.apply(dtype.scalar, x, y, accumulate)
  }

  func adjoint(_ dtype: DType, _ y: UnsafeRawPointer, _ x: UnsafeMutableRawPointer, _ accumulate: Bool) {
    apply(dtype, y, x, accumulate)
  }
}

/// Inverted dropout: zeroes each element with probability p and divides the rest by 1 - p.
private final class DropoutOp: LinearOp {
  private let dropout: Dropout
  private let source = RandomStream()

  init(_ x: Tensor, _ probability: Double) throws {
    dropout = try Dropout(x.count, probability)
    super.init(shape: x.shape, dtype: x.dtype, maps: [DropoutMap(dropout: dropout)])
  }

  override var random: RandomStream? { source }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    let generator = Philox(seed: source.seed, stream: source.stream)
    dropout.draw(dtype.scalar, generator, inputs[0].pointer, output.pointer)
  }
}

let dropoutOperation = Operation(
  "dropout", .linear, inputs: 1...1, arguments: ["p"],
  examples: [.init([[6, 7]], ["p": .numbers([0.4])]), .init([[0]], ["p": .numbers([0.5])])]
) { inputs, attributes in
  try requireFloating("dropout", inputs)
  let p = try attributes.number("p", default: 0.5)
  guard p >= 0, p < 1 else { throw Failure.value("dropout: p must be at least 0 and below 1, got \(p)") }
  return p == 0 ? inputs[0] : try DropoutOp(inputs[0], p).apply(inputs)
}

import Kernels
import Vocabulary

/// Random numbers of a shape. As an operation they belong to a recorded program, which draws them anew at every run.
private final class RandomOp: Op {
  private let isNormal: Bool
  private let source = RandomStream()

  init(_ shape: [Int], _ dtype: DType, isNormal: Bool) {
    self.isNormal = isNormal
    super.init(shape: shape, dtype: dtype)
  }

  override var isDifferentiable: Bool { false }
  override var random: RandomStream? { source }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    let generator = Philox(seed: source.seed, stream: source.stream)
    if isNormal {
      drawNormal(dtype.scalar, generator, output.pointer, output.count)
    } else {
      drawUniform(dtype.scalar, generator, output.pointer, output.count)
    }
  }
}

/// Uniform on [0, 1), and standard normal.
let randomOperations: [Operation] = [("rand", false), ("randn", true)].map { name, isNormal in
  Operation(name, .plain, inputs: 0...0, arguments: ["shape", "dtype"]) { _, attributes in
    let shape = try attributes.integers("shape") ?? []
    let text = try attributes.text("dtype", default: "float32")
    guard let dtype = DType(name: text), dtype.isFloating else {
      throw Failure.type("\(name): dtype must be float32 or float64, got '\(text)'")
    }
    try checkRoom(shape, dtype)
    return try RandomOp(shape, dtype, isNormal: isNormal).apply([])
  }
}

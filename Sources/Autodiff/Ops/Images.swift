import Kernels
import Vocabulary

/// Window geometry from the attributes of a convolution or pooling over channels-last images.
private func geometry(
  _ name: String, _ x: Tensor, kernel: (Int, Int), stride: (Int, Int), padding: (Int, Int),
  dilation: (Int, Int) = (1, 1), groups: Int = 1
) throws -> WindowGeometry {
  let g = WindowGeometry(
    height: x.shape[1], width: x.shape[2], channels: x.shape[3], kernel: kernel, stride: stride,
    padding: padding, dilation: dilation, groups: groups)
  let largest = 1 << 20
  guard kernel.0 > 0, kernel.1 > 0, stride.0 > 0, stride.1 > 0, padding.0 >= 0, padding.1 >= 0,
    max(padding.0, padding.1) <= largest
  else {
    throw Failure.value(
      "\(name): kernel \(kernel) and stride \(stride) must be positive, padding \(padding) between 0 and \(largest)"
    )
  }
  guard (1...largest).contains(dilation.0), (1...largest).contains(dilation.1) else {
    throw Failure.value("\(name): dilation \(dilation) must be between 1 and \(largest)")
  }
  guard g.height + 2 * g.padY >= g.extentY, g.width + 2 * g.padX >= g.extentX else {
    throw Failure.shape(
      "\(name): the kernel \(kernel) is larger than the image \(describe(x.shape)) with padding \(padding)"
        + (dilation == (1, 1) ? "" : " and dilation \(dilation)"))
  }
  try checkRoom([g.positions, g.patchSize], x.dtype)
  return g
}

private func pair(_ attributes: Attributes, _ key: String, default fallback: (Int, Int)) throws -> (Int, Int)
{
  guard let values = try attributes.integers(key) else { return fallback }
  guard values.count == 1 || values.count == 2 else {
    throw Failure.value("\(attributes.owner): \(key) must be one or two whole numbers, got \(values)")
  }
  return (values[0], values[values.count - 1])
}

private func requireImages(_ name: String, _ x: Tensor) throws {
  guard x.rank == 4 else {
    throw Failure.shape("\(name): images must be (N, H, W, C), got shape \(describe(x.shape))")
  }
}

/// Convolution: its three contractions close under differentiation.
private struct ConvolutionForm: BilinearForm {
  let geometry: WindowGeometry
  let images: Int
  let outputs: Int

  func partial(
    _ target: Role, _ dtype: DType, _ a: Operand, _ b: Operand, _ out: UnsafeMutableRawPointer, _ stack: Int,
    _ accumulate: Bool, _ finish: GemmFinish
  ) {
    let g = geometry
    let type = dtype.scalar
    let size = dtype.byteCount
    let xCount = images * g.imageSize * size
    let yCount = images * g.positions * outputs * size
    let wCount = g.patchSize * outputs * size
    // Stacked images against shared weights are simply more images.
    if target != .right && a.stacked && !b.stacked {
      if target == .output {
        convolveForward(type, g, stack * images, outputs, a.pointer, b.pointer, out, accumulate)
      } else {
        convolveInputGradient(type, g, stack * images, outputs, a.pointer, b.pointer, out, accumulate)
      }
      return
    }
    for k in 0..<stack {
      func at(_ operand: Operand, _ count: Int) -> UnsafeRawPointer {
        operand.stacked ? operand.pointer + k * count : operand.pointer
      }
      switch target {
      case .output:
        convolveForward(type, g, images, outputs, at(a, xCount), at(b, wCount), out + k * yCount, accumulate)
      case .left:
        convolveInputGradient(
          type, g, images, outputs, at(a, yCount), at(b, wCount), out + k * xCount, accumulate)
      case .right:
        convolveWeightGradient(
          type, g, images, outputs, at(a, yCount), at(b, xCount), out + k * wCount, accumulate)
      }
    }
  }
}

let conv2dOperation = Operation(
  "conv2d", .bilinear, inputs: 2...3, arguments: ["stride", "padding", "dilation", "groups"],
  examples: [
    .init([[2, 5, 6, 3], [3, 2, 3, 4]]),
    .init([[1, 5, 5, 2], [3, 3, 2, 3]], ["stride": .numbers([2, 1]), "padding": .numbers([1, 2])]),
    .init([[2, 4, 3, 2], [2, 2, 2, 3], [3]]), .init([[0, 4, 4, 1], [2, 2, 1, 2]]),
    .init([[1, 1, 1, 1], [1, 1, 1, 1]]),
    .init([[11, 4, 3, 1], [2, 2, 1, 2]], ["padding": .numbers([1])]),
    .init([[2, 6, 7, 4], [2, 3, 2, 6]], ["dilation": .numbers([2, 1]), "groups": .numbers([2])]),
    .init(
      [[1, 6, 5, 2], [3, 2, 1, 2]],
      ["stride": .numbers([2]), "dilation": .numbers([1, 3]), "groups": .numbers([2])]),
  ]
) { inputs, attributes in
  try requireFloating("conv2d", inputs)
  let (x, w) = (inputs[0], inputs[1])
  try requireImages("conv2d", x)
  let groups = try attributes.integer("groups", default: 1)
  guard groups >= 1, x.shape[3] % groups == 0 else {
    throw Failure.value(
      "conv2d: groups must be positive and divide the \(x.shape[3]) channels of the images, got \(groups)")
  }
  let channels = x.shape[3] / groups
  guard w.rank == 4, w.shape[2] == channels, w.shape[3] % groups == 0 else {
    throw Failure.shape(
      "conv2d: weights must be (kernel height, kernel width, \(channels), outputs) for images \(describe(x.shape))"
        + (groups == 1 ? "" : " and outputs that \(groups) groups divide") + ", got \(describe(w.shape))")
  }
  let g = try geometry(
    "conv2d", x, kernel: (w.shape[0], w.shape[1]), stride: pair(attributes, "stride", default: (1, 1)),
    padding: pair(attributes, "padding", default: (0, 0)),
    dilation: pair(attributes, "dilation", default: (1, 1)), groups: groups)
  let form = ConvolutionForm(geometry: g, images: x.shape[0], outputs: w.shape[3])
  let shape = [x.shape[0], g.outputHeight, g.outputWidth, w.shape[3]]
  guard inputs.count == 3 else {
    return try BilinearOp(shape: shape, dtype: x.dtype, form: form).apply(inputs)
  }
  guard inputs[2].shape == [w.shape[3]] else {
    throw Failure.shape("conv2d: the bias must be (\(w.shape[3]),), got \(describe(inputs[2].shape))")
  }
  return try BiasedBilinearOp(shape: shape, dtype: x.dtype, form: form).apply(inputs)
}

private func pooling(
  _ name: String, _ x: Tensor, _ attributes: Attributes
) throws -> (geometry: WindowGeometry, shape: [Int]) {
  try requireFloating(name, [x])
  try requireImages(name, x)
  let kernel = try pair(attributes, "size", default: (2, 2))
  let padding = try pair(attributes, "padding", default: (0, 0))
  guard 2 * padding.0 <= kernel.0, 2 * padding.1 <= kernel.1 else {
    throw Failure.value("\(name): padding \(padding) must be at most half the size \(kernel)")
  }
  let g = try geometry(
    name, x, kernel: kernel, stride: pair(attributes, "stride", default: kernel), padding: padding)
  return (g, [x.shape[0], g.outputHeight, g.outputWidth, x.shape[3]])
}

/// The largest of each window: linear, with the choices of the value pass.
class MaxPoolOp: LinearOp {}

private struct MaxPoolMap: LinearMap {
  let pool: MaxPool
  let sourceCount: Int
  let destinationCount: Int

  func apply(_ dtype: DType, _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ accumulate: Bool) {
    pool.chosen(x, y, accumulate)
  }

  func adjoint(_ dtype: DType, _ y: UnsafeRawPointer, _ x: UnsafeMutableRawPointer, _ accumulate: Bool) {
    pool.adjoint(y, x, accumulate)
  }
}

/// By a byte for each result, the place in its window.
private final class ByteMaxPoolOp: MaxPoolOp {
  private let pool: MaxPool

  init(_ x: Tensor, _ geometry: WindowGeometry, _ shape: [Int]) throws {
    pool = try MaxPool(x.dtype, geometry, images: x.shape[0])
    let map = MaxPoolMap(pool: pool, sourceCount: x.count, destinationCount: shape.reduce(1, *))
    super.init(shape: shape, dtype: x.dtype, maps: [map])
  }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    pool.largest(inputs[0].pointer, output.pointer)
  }
}

/// For large windows: by the places of the largest in the whole array.
private final class IndexedMaxPoolOp: MaxPoolOp {
  private let map: SelectMap
  private let geometry: WindowGeometry
  private let images: Int

  init(_ x: Tensor, _ geometry: WindowGeometry, _ shape: [Int]) throws {
    self.geometry = geometry
    images = x.shape[0]
    map = try SelectMap(rows: shape.reduce(1, *), width: 1, sourceCount: x.count, parts: x.shape[0])
    super.init(shape: shape, dtype: x.dtype, maps: [map])
  }

  override func prepare(_ inputs: [Tensor]) throws {
    maxPoolIndices(dtype.scalar, geometry, images, inputs[0].pointer, map.indices)
  }
}

private func poolExamples(_ domain: ExampleDomain) -> [Operation.Example] {
  [
    .init([[2, 4, 6, 3]], ["size": .numbers([2])], domain),
    .init(
      [[1, 5, 5, 2]], ["size": .numbers([3, 2]), "stride": .numbers([2, 1]), "padding": .numbers([1, 0])],
      domain),
    .init([[0, 2, 2, 1]], [:], domain), .init([[1, 1, 1, 1]], ["size": .numbers([1])], domain),
  ]
}

let maxPool2dOperation = Operation(
  "max_pool2d", .linear, inputs: 1...1, arguments: ["size", "stride", "padding"],
  examples: poolExamples(.separated)
) { inputs, attributes in
  let (g, shape) = try pooling("max_pool2d", inputs[0], attributes)
  guard g.height > 0, g.width > 0 else {
    throw Failure.shape("max_pool2d: the images \(describe(inputs[0].shape)) are empty")
  }
  let fits = g.kernelHeight * g.kernelWidth <= MaxPool.mostTaps
  let op: MaxPoolOp =
    fits
    ? try ByteMaxPoolOp(inputs[0], g, shape) : try IndexedMaxPoolOp(inputs[0], g, shape)
  return try op.apply(inputs)
}

private struct AveragePoolMap: LinearMap {
  let geometry: WindowGeometry
  let images: Int
  var sourceCount: Int { images * geometry.imageSize }
  var destinationCount: Int { images * geometry.positions * geometry.channels }

  func apply(_ dtype: DType, _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ accumulate: Bool) {
    averagePool(dtype.scalar, geometry, images, x, y, accumulate)
  }

  func adjoint(_ dtype: DType, _ y: UnsafeRawPointer, _ x: UnsafeMutableRawPointer, _ accumulate: Bool) {
    if !accumulate { fill(dtype.scalar, x, sourceCount, 0) }
    averagePoolAdjoint(dtype.scalar, geometry, images, y, x)
  }
}

let avgPool2dOperation = Operation(
  "avg_pool2d", .linear, inputs: 1...1, arguments: ["size", "stride", "padding"], examples: poolExamples(.any)
) { inputs, attributes in
  let (g, shape) = try pooling("avg_pool2d", inputs[0], attributes)
  let map = AveragePoolMap(geometry: g, images: inputs[0].shape[0])
  return try LinearOp(shape: shape, dtype: inputs[0].dtype, maps: [map]).apply(inputs)
}

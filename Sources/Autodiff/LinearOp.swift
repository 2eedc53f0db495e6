import Kernels
import Vocabulary

/// A linear map between flat arrays, stated as itself and its adjoint.
protocol LinearMap {
  var sourceCount: Int { get }
  var destinationCount: Int { get }
  /// y = x, element for element.
  var isIdentity: Bool { get }
  /// y (+)= A x
  func apply(_ dtype: DType, _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ accumulate: Bool)
  /// x (+)= A' y
  func adjoint(_ dtype: DType, _ y: UnsafeRawPointer, _ x: UnsafeMutableRawPointer, _ accumulate: Bool)
}

extension LinearMap {
  var isIdentity: Bool { false }
}

/// y = sum_i A_i x_i. The maps may depend on choices made by the value pass (`prepare`): an index, a mask.
class LinearOp: Op {
  override var derivesFromValues: Bool { false }
  let maps: [any LinearMap]
  /// An input that is passed on as it is. A replay lets it share memory with the output where nothing else needs it.
  let passed: Int?

  init(shape: [Int], dtype: DType, maps: [any LinearMap]) {
    self.maps = maps
    passed = maps.firstIndex { $0.isIdentity }
    super.init(shape: shape, dtype: dtype)
  }

  func prepare(_ inputs: [Tensor]) throws {}

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    try prepare(inputs)
    for (i, map) in maps.enumerated() { map.apply(dtype, inputs[i].pointer, output.pointer, i > 0) }
  }

  override func push(_ inputs: [Tensor], _ output: Tensor, _ count: Int) throws {
    let shared = passed.flatMap { inputs[$0].tangent.shares(output.tangent) ? $0 : nil }
    if shared != nil { output.tangent.ready = true }
    for (i, map) in maps.enumerated() where i != shared && inputs[i].tangent.ready {
      let (target, accumulate) = try output.tangent.receive(count * output.byteCount)
      for k in 0..<count {
        map.apply(
          dtype, inputs[i].tangent.pointer + k * inputs[i].byteCount, target + k * output.byteCount,
          accumulate)
      }
    }
  }

  override func pull(_ inputs: [Tensor], _ output: Tensor, _ index: Int) throws {
    guard index < maps.count else { return }
    if index == passed, output.gradient.shares(inputs[index].gradient) {
      inputs[index].gradient.ready = true
      return
    }
    let (target, accumulate) = try inputs[index].gradient.receive(inputs[index].byteCount)
    maps[index].adjoint(dtype, output.gradient.pointer, target, accumulate)
  }

  override func pullTangent(_ inputs: [Tensor], _ output: Tensor, _ index: Int, _ count: Int) throws {
    guard index < maps.count, output.gradientTangent.ready else { return }
    if index == passed, output.gradientTangent.shares(inputs[index].gradientTangent) {
      inputs[index].gradientTangent.ready = true
      return
    }
    let bytes = inputs[index].byteCount
    let (target, accumulate) = try inputs[index].gradientTangent.receive(count * bytes)
    for k in 0..<count {
      maps[index].adjoint(
        dtype, output.gradientTangent.pointer + k * output.byteCount, target + k * bytes, accumulate)
    }
  }
}

/// alpha times all of it.
struct ScaledMap: LinearMap {
  let count: Int
  let alpha: Double

  var sourceCount: Int { count }
  var destinationCount: Int { count }
  var isIdentity: Bool { alpha == 1 }

  func apply(_ dtype: DType, _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ accumulate: Bool) {
    scale(dtype.scalar, x, alpha, y, count, accumulate)
  }

  func adjoint(_ dtype: DType, _ y: UnsafeRawPointer, _ x: UnsafeMutableRawPointer, _ accumulate: Bool) {
    apply(dtype, y, x, accumulate)
  }
}

/// alpha times a strided walk.
struct WalkMap: LinearMap {
  let walk: StridedWalk
  let back: StridedWalk
  let alpha: Double
  let sourceCount: Int
  let destinationCount: Int

  var isIdentity: Bool {
    alpha == 1 && sourceCount == walk.count && destinationCount == walk.count && walk.extents.count == 1
      && walk.source == [1] && walk.destination == [1] && walk.sourceOffset == 0
      && walk.destinationOffset == 0
  }

  init(_ walk: StridedWalk, alpha: Double = 1, sourceCount: Int, destinationCount: Int) {
    self.walk = walk
    back = walk.swapped
    self.alpha = alpha
    self.sourceCount = sourceCount
    self.destinationCount = destinationCount
  }

  /// Reads `shape` broadcast to `target`.
  static func broadcast(_ shape: [Int], to target: [Int], alpha: Double = 1) -> WalkMap {
    let walk = StridedWalk(
      extents: target, source: broadcastStrides(shape, to: target), destination: contiguousStrides(target))
    return WalkMap(
      walk, alpha: alpha, sourceCount: shape.reduce(1, *), destinationCount: target.reduce(1, *))
  }

  func apply(_ dtype: DType, _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ accumulate: Bool) {
    run(walk, destinationCount, dtype, x, y, accumulate)
  }

  func adjoint(_ dtype: DType, _ y: UnsafeRawPointer, _ x: UnsafeMutableRawPointer, _ accumulate: Bool) {
    run(back, sourceCount, dtype, y, x, accumulate)
  }

  private func run(
    _ walk: StridedWalk, _ count: Int, _ dtype: DType, _ from: UnsafeRawPointer,
    _ to: UnsafeMutableRawPointer,
    _ accumulate: Bool
  ) {
    let covers = !walk.reduces && walk.count == count
    if !accumulate && !covers { fill(dtype.scalar, to, count, 0) }
    stridedCopy(dtype.scalar, walk, from, to, alpha, accumulate || !covers)
  }
}

/// y = x[index], by rows of `width`; the adjoint adds rows back.
struct SelectMap: LinearMap {
  let index: Storage
  let rows: Int
  let width: Int
  let sourceCount: Int
  /// Equal shares of the rows that come from different rows of x.
  let parts: Int
  var destinationCount: Int { rows * width }

  var indices: UnsafeMutablePointer<Int32> { index.pointer.assumingMemoryBound(to: Int32.self) }

  init(rows: Int, width: Int, sourceCount: Int, parts: Int = 1) throws {
    guard sourceCount <= Int(Int32.max) else {
      throw Failure.value("an indexed tensor may have at most \(Int32.max) elements, got \(sourceCount)")
    }
    index = try Storage(zeroed: max(1, rows) * 4)
    self.rows = rows
    self.width = width
    self.sourceCount = sourceCount
    self.parts = max(1, parts)
  }

  func apply(_ dtype: DType, _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ accumulate: Bool) {
    gatherRows(dtype.scalar, x, indices, y, rows, width, accumulate)
  }

  func adjoint(_ dtype: DType, _ y: UnsafeRawPointer, _ x: UnsafeMutableRawPointer, _ accumulate: Bool) {
    if !accumulate { fill(dtype.scalar, x, sourceCount, 0) }
    scatterRows(dtype.scalar, y, indices, x, rows, width, parts: parts)
  }
}

/// y = mask x, element by element; its own adjoint.
struct MaskMap: LinearMap {
  let mask: Storage
  let sourceCount: Int
  var destinationCount: Int { sourceCount }

  init(_ count: Int, _ dtype: DType) throws {
    mask = try Storage(byteCount: count * dtype.byteCount)
    sourceCount = count
  }

  func apply(_ dtype: DType, _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ accumulate: Bool) {
    maskedCopy(dtype.scalar, x, mask.pointer, y, sourceCount, accumulate)
  }

  func adjoint(_ dtype: DType, _ y: UnsafeRawPointer, _ x: UnsafeMutableRawPointer, _ accumulate: Bool) {
    apply(dtype, y, x, accumulate)
  }
}

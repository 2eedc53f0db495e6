import Kernels
import Synchronization
import Vocabulary

/// A row-major array, or a view of one in another order of axes, and its place in the graph that made it.
///
/// Beside its value a tensor has room for what sweeps leave on it: the gradient, K stacked tangents, and the K tangents
/// of the gradient. A buffer that is not `ready` is structurally zero; it may still hold memory from an earlier sweep.
public final class Tensor: @unchecked Sendable {
  public let shape: [Int]
  public let dtype: DType
  /// A program moves what nobody else holds.
  @exclusivity(unchecked) public internal(set) var storage: Storage
  /// In elements, of a view whose elements do not lie one behind the other in order; nil: row-major. What sweeps leave
  /// is row-major always.
  public let strides: [Int]?
  public var requiresGrad: Bool
  /// What `backward` has added up, for leaves.
  public var grad: Tensor?
  /// Known of the gradient that a program's `backward` has just left; false: nobody has looked.
  public internal(set) var gradientIsFinite = false

  var op: Op?
  var inputs: [Tensor]
  /// Versions of what the derivatives of `op` are computed from: its inputs and this output; empty where they are not.
  var versions: [UInt64] = []
  /// Of what is no longer there.
  static let noVersion = UInt64.max
  let order: UInt64

  var gradient = SweepBuffer()
  var tangent = SweepBuffer()
  var gradientTangent = SweepBuffer()

  /// Who works on what sweeps leave here; the registry of claims keeps it.
  unowned(unsafe) var claim: Claim?

  /// The shape as C sees it, once somebody has asked.
  private let described = Atomic<UnsafeMutablePointer<Int64>?>(nil)

  private static let counter = Atomic<UInt64>(0)

  public init(
    shape: [Int], dtype: DType, storage: Storage, requiresGrad: Bool = false, strides: [Int]? = nil
  ) {
    self.shape = shape
    self.strides = strides
    self.dtype = dtype
    self.storage = storage
    self.requiresGrad = requiresGrad
    inputs = []
    order = Tensor.counter.add(1, ordering: .relaxed).newValue
  }

  /// At another's place in the order of creation, for a graph in which it stands for that one.
  init(inPlaceOf other: Tensor, shape: [Int]) throws {
    self.shape = shape
    strides = nil
    dtype = other.dtype
    storage = try Storage(byteCount: shape.reduce(1, *) * other.dtype.byteCount)
    requiresGrad = other.requiresGrad
    inputs = []
    order = other.order
  }

  public convenience init(shape: [Int], dtype: DType, requiresGrad: Bool = false) throws {
    let bytes = shape.reduce(1, *) * dtype.byteCount
    try self.init(shape: shape, dtype: dtype, storage: Storage(byteCount: bytes), requiresGrad: requiresGrad)
  }

  public convenience init(zeros shape: [Int], dtype: DType) throws {
    let bytes = shape.reduce(1, *) * dtype.byteCount
    try self.init(shape: shape, dtype: dtype, storage: Storage(zeroed: bytes))
  }

  public var count: Int { shape.reduce(1, *) }
  public var rank: Int { shape.count }
  public var byteCount: Int { count * dtype.byteCount }
  public var pointer: UnsafeMutableRawPointer { storage.pointer }
  public var isLeaf: Bool { op == nil }

  /// The strides as C sees them, for as long as the tensor lives; nil where it is row-major.
  public var steps: UnsafePointer<Int64>? { strides == nil ? nil : extents + rank }

  /// The shape as C sees it, for as long as the tensor lives.
  public var extents: UnsafePointer<Int64> {
    if let known = described.load(ordering: .acquiring) { return UnsafePointer(known) }
    let numbers = shape + (strides ?? [])
    let made = UnsafeMutablePointer<Int64>.allocate(capacity: max(1, numbers.count))
    for (i, number) in numbers.enumerated() { made[i] = Int64(number) }
    let (exchanged, other) = described.compareExchange(
      expected: nil, desired: made, ordering: .acquiringAndReleasing)
    if exchanged { return UnsafePointer(made) }
    made.deallocate()
    return UnsafePointer(other!)
  }

  /// The same data outside the graph.
  public func detached() -> Tensor {
    Tensor(shape: shape, dtype: dtype, storage: storage, strides: strides)
  }

  /// Itself where it is row-major, else its values in a row-major array outside the graph.
  public func dense() throws -> Tensor {
    guard let strides else { return self }
    let result = try Tensor(shape: shape, dtype: dtype)
    copyElements(dtype, denseWalk(shape, strides), pointer, result.pointer)
    return result
  }

  /// A graph is as deep as the computation was long: let go of it without recursion.
  deinit {
    described.load(ordering: .acquiring)?.deallocate()
    guard !inputs.isEmpty else { return }
    var pending = inputs
    inputs = []
    while var tensor = pending.popLast() {
      if isKnownUniquelyReferenced(&tensor) {
        pending.append(contentsOf: tensor.inputs)
        tensor.inputs = []
      }
    }
  }

  public func assign(_ source: Tensor) throws {
    guard source.shape == shape else {
      throw Failure.shape("assign: expected shape \(describe(shape)), got \(describe(source.shape))")
    }
    guard source.dtype == dtype else {
      throw Failure.type("assign: expected dtype \(dtype.name), got \(source.dtype.name)")
    }
    guard source.storage !== storage || source.strides != strides else { return }
    let values = try source.dense()
    if let strides {
      withExtendedLifetime(values) {
        copyElements(dtype, denseWalk(shape, strides).swapped, values.pointer, pointer)
      }
    } else {
      storage.copyContents(from: values.storage)
    }
    storage.version &+= 1
  }

  /// The single element, in double precision.
  public var scalarValue: Double {
    var result = 0.0
    withUnsafeMutablePointer(to: &result) { castElements(dtype, pointer, .float64, $0, 1) }
    return result
  }
}

/// Memory that a sweep writes: the first contribution overwrites, later ones add.
struct SweepBuffer {
  var storage: Storage?
  var ready = false
  /// Of a table's gradient, which rows of it are filled.
  var rows: FilledRows?
  /// Where it is given, those who can tell it what they leave here.
  var watch: FiniteWatch?
  /// Whether the last contribution did; what an earlier one left is in its sums.
  var isWatched = false

  var pointer: UnsafeMutableRawPointer { storage!.pointer }

  /// Memory of at least `byteCount`, and whether to add to what it holds.
  mutating func receive(_ byteCount: Int) throws -> (pointer: UnsafeMutableRawPointer, accumulate: Bool) {
    if storage == nil || storage!.byteCount < byteCount {
      precondition(!ready)
      storage = try Storage(byteCount: byteCount)
    }
    let accumulate = ready
    ready = true
    isWatched = false
    rows?.begin()
    return (storage!.pointer, accumulate)
  }

  /// Whether what this buffer holds is already in the memory of the other.
  func shares(_ other: SweepBuffer) -> Bool { ready && storage! === other.storage }

  mutating func clear() {
    storage = nil
    rows = nil
    ready = false
  }
}

/// A shape as Python writes it.
public func describe(_ shape: [Int]) -> String {
  shape.count == 1 ? "(\(shape[0]),)" : "(" + shape.map(String.init).joined(separator: ", ") + ")"
}

/// From an array of these strides into a row-major one.
func denseWalk(_ shape: [Int], _ strides: [Int]) -> StridedWalk {
  StridedWalk(extents: shape, source: strides, destination: contiguousStrides(shape))
}

/// The elements of a walk that covers its destination, of any dtype.
func copyElements(
  _ dtype: DType, _ walk: StridedWalk, _ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer
) {
  if dtype.isFloating {
    stridedCopy(dtype.scalar, walk, from, to, 1, false)
  } else {
    moveElements(walk, byteCount: dtype.byteCount, from, to)
  }
}

/// Row-major strides, in elements.
func contiguousStrides(_ shape: [Int]) -> [Int] {
  var strides = [Int](repeating: 1, count: shape.count)
  for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
  return strides
}

func broadcastShape(_ name: String, _ a: [Int], _ b: [Int]) throws -> [Int] {
  if a == b { return a }
  let rank = max(a.count, b.count)
  let shape = try (0..<rank).map { axis in
    let x = axis < rank - a.count ? 1 : a[axis - rank + a.count]
    let y = axis < rank - b.count ? 1 : b[axis - rank + b.count]
    guard x == y || x == 1 || y == 1 else {
      throw Failure.shape("\(name): shapes \(describe(a)) and \(describe(b)) do not broadcast")
    }
    return x == 1 ? y : x
  }
  try checkRoom(shape, .float64)
  return shape
}

/// Strides that read an array of `shape` as if it had `target`: 0 along repeated axes.
func broadcastStrides(_ shape: [Int], to target: [Int]) -> [Int] {
  let own = contiguousStrides(shape)
  let missing = target.count - shape.count
  return target.indices.map { axis in
    axis < missing || shape[axis - missing] == 1 ? 0 : own[axis - missing]
  }
}

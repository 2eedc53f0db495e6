import Kernels
import Vocabulary

/// The vectors of one parameter tensor in a pass of a whole method. Unused ones may point anywhere valid.
public struct MethodVectors {
  public var parameter: UnsafeMutableRawPointer
  public var gradient: UnsafeRawPointer
  public var state:
    (
      UnsafeMutableRawPointer, UnsafeMutableRawPointer, UnsafeMutableRawPointer, UnsafeMutableRawPointer
    )
  public var count: Int

  public init(
    parameter: UnsafeMutableRawPointer, gradient: UnsafeRawPointer, state: [UnsafeMutableRawPointer],
    count: Int
  ) {
    func at(_ i: Int) -> UnsafeMutableRawPointer { i < state.count ? state[i] : parameter }
    self.parameter = parameter
    self.gradient = gradient
    self.state = (at(0), at(1), at(2), at(3))
    self.count = count
  }
}

/// The loops of one whole method for one element type, over a range of the elements.
public struct MethodKernels: Sendable {
  public let names: [String]
  public let copiedFrom: Int
  let first:
    @Sendable (_ v: MethodVectors, _ h: HyperValues, _ m: PassScalars, _ low: Int, _ high: Int) -> PassSums
  /// nil: the first pass has made the step.
  let second:
    (@Sendable (_ v: MethodVectors, _ h: HyperValues, _ m: PassScalars, _ low: Int, _ high: Int) -> Void)?

  @inline(__always)
  init<R: MethodRule, T: Scalar>(_: R.Type, _: T.Type) {
    names = R.names
    copiedFrom = R.copiedFrom
    first = { v, h, m, low, high in firstPass(R.self, T.self, v, h, m, low, high) }
    if R.second == nil {
      second = nil
    } else {
      second = { v, h, m, low, high in secondPass(R.self, T.self, v, h, m, low, high) }
    }
  }

  @inline(__always)
  static func pair<R: MethodRule>(_ rule: R.Type, _ dtype: DType) -> MethodKernels {
    dtype == .float64 ? MethodKernels(rule, Double.self) : MethodKernels(rule, Float.self)
  }
}

/// The part of one parameter tensor in the step of all.
public struct MethodPart {
  public let kernels: MethodKernels
  public let vectors: MethodVectors
  public let hyper: HyperValues

  public init(_ kernels: MethodKernels, _ vectors: MethodVectors, _ hyper: HyperValues) {
    self.kernels = kernels
    self.vectors = vectors
    self.hyper = hyper
  }
}

/// The first pass over the vectors of all tensors; the sums are over all of them.
public func firstPasses(_ parts: [MethodPart], _ m: PassScalars) -> PassSums {
  let sums = SharedBlocks(parts.map { $0.vectors.count }).sums(PassSums(), add: { $0 += $1 }) {
    i, low, high in
    parts[i].kernels.first(parts[i].vectors, parts[i].hyper, m, low, high)
  }
  return sums.reduce(into: PassSums()) { $0 += $1 }
}

/// The second pass, where the method has one.
public func secondPasses(_ parts: [MethodPart], _ m: PassScalars) {
  guard parts.contains(where: { $0.kernels.second != nil }) else { return }
  SharedBlocks(parts.map { $0.vectors.count }).run { i, low, high in
    parts[i].kernels.second?(parts[i].vectors, parts[i].hyper, m, low, high)
  }
}

/// Typed pointers of a pass, and how it reads and writes a place: whole vectors, or the rest at the end.
private struct Pointers<T: Scalar> {
  let theta: UnsafeMutablePointer<T>
  let g: UnsafePointer<T>
  let s0, s1, s2, s3: UnsafeMutablePointer<T>

  @inline(__always)
  init(_ v: MethodVectors) {
    theta = v.parameter.assumingMemoryBound(to: T.self)
    g = v.gradient.assumingMemoryBound(to: T.self)
    s0 = v.state.0.assumingMemoryBound(to: T.self)
    s1 = v.state.1.assumingMemoryBound(to: T.self)
    s2 = v.state.2.assumingMemoryBound(to: T.self)
    s3 = v.state.3.assumingMemoryBound(to: T.self)
  }

  @inline(__always)
  func load(_ touch: Touch, _ i: Int, _ n: Int) -> Place<T.Vector> {
    @inline(__always)
    func at(_ p: UnsafePointer<T>, _ wanted: Bool) -> T.Vector {
      if !wanted { return T.Vector(0) }
      if n < T.Vector.width { return T.Vector.load(p + i, count: n) }
      readSoon(p + i)
      return T.Vector.load(p + i)
    }
    return Place(
      theta: at(theta, true), g: at(g, touch.gradient), s0: at(s0, touch.reads & 1 != 0),
      s1: at(s1, touch.reads & 2 != 0), s2: at(s2, touch.reads & 4 != 0), s3: at(s3, touch.reads & 8 != 0))
  }

  @inline(__always)
  func store(_ p: Place<T.Vector>, _ touch: Touch, _ i: Int, _ n: Int) {
    @inline(__always)
    func put(_ v: T.Vector, _ target: UnsafeMutablePointer<T>, _ wanted: Bool) {
      if !wanted { return }
      if n == T.Vector.width { v.store(target + i) } else { v.store(target + i, count: n) }
    }
    put(p.theta, theta, touch.moves)
    put(p.s0, s0, touch.writes & 1 != 0)
    put(p.s1, s1, touch.writes & 2 != 0)
    put(p.s2, s2, touch.writes & 4 != 0)
    put(p.s3, s3, touch.writes & 8 != 0)
  }
}

@inline(__always)
private func firstPass<R: MethodRule, T: Scalar>(
  _: R.Type, _: T.Type, _ v: MethodVectors, _ values: HyperValues, _ scalars: PassScalars, _ low: Int,
  _ high: Int
) -> PassSums {
  let pointers = Pointers<T>(v)
  let h = Hyper<T.Vector>(values)
  let m = PassLanes<T.Vector>(scalars)
  let touch = R.first
  var (a, b, c) = (T.Vector.Wide(0), T.Vector.Wide(0), T.Vector.Wide(0))
  eachVector(T.Vector.width, low, high) { i, n in
    var place = pointers.load(touch, i, n)
    let terms = R.first(&place, h, m)
    pointers.store(place, touch, i, n)
    // What lies beyond the end is zero in every vector, and so in every product: rules divide by nothing below epsilon.
    if R.sums > 0 { a = T.Vector.addProduct(terms.first.0, terms.first.1, a) }
    if R.sums > 1 { b = T.Vector.addProduct(terms.second.0, terms.second.1, b) }
    if R.sums > 2 { c = T.Vector.addProduct(terms.third.0, terms.third.1, c) }
  }
  var sums = PassSums()
  (sums.first, sums.second, sums.third) = (a.sum(), b.sum(), c.sum())
  return sums
}

@inline(__always)
private func secondPass<R: MethodRule, T: Scalar>(
  _: R.Type, _: T.Type, _ v: MethodVectors, _ values: HyperValues, _ scalars: PassScalars, _ low: Int,
  _ high: Int
) {
  guard let touch = R.second else { return }
  let pointers = Pointers<T>(v)
  let h = Hyper<T.Vector>(values)
  let m = PassLanes<T.Vector>(scalars)
  eachVector(T.Vector.width, low, high) { i, n in
    var place = pointers.load(touch, i, n)
    R.second(&place, h, m)
    pointers.store(place, touch, i, n)
  }
}

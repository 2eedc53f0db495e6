import Kernels
import Vocabulary

/// The vectors of one parameter tensor during a step. Unused state may point anywhere valid.
public struct RuleVectors {
  public var parameter: UnsafeMutableRawPointer
  public var gradient: UnsafeRawPointer
  public var state0: UnsafeRawPointer
  public var state1: UnsafeRawPointer
  public var newState0: UnsafeMutableRawPointer
  public var newState1: UnsafeMutableRawPointer
  public var count: Int

  public init(
    parameter: UnsafeMutableRawPointer, gradient: UnsafeRawPointer, state0: UnsafeRawPointer,
    state1: UnsafeRawPointer,
    newState0: UnsafeMutableRawPointer, newState1: UnsafeMutableRawPointer, count: Int
  ) {
    self.parameter = parameter
    self.gradient = gradient
    self.state0 = state0
    self.state1 = state1
    self.newState0 = newState0
    self.newState1 = newState1
    self.count = count
  }
}

/// The loops of one update rule for one element type.
public final class RuleKernels: Sendable {
  let rule: any UpdateRule.Type
  public let tangents: TangentKernels
  public let adjoints: AdjointKernels

  // Over a range of the elements:

  /// theta -= rate d, in one pass, state in place.
  let step: @Sendable (_ v: RuleVectors, _ h: HyperValues, _ rate: Double, _ low: Int, _ high: Int) -> Void
  /// Writes d and the new state, and sums inner products on the way; theta is only read.
  let direction:
    @Sendable (_ v: RuleVectors, _ h: HyperValues, _ d: UnsafeMutableRawPointer, _ low: Int, _ high: Int) ->
      DirectionSums

  @inline(__always)
  init<R: UpdateRule, T: Scalar>(_: R.Type, _: T.Type, slots: Int) {
    rule = R.self
    tangents = TangentKernels(R.self, T.self, slots: slots)
    adjoints = AdjointKernels(R.self, T.self, slots: slots)
    step = { v, h, rate, low, high in ruleStep(R.self, T.self, v, h, rate, slots, low, high) }
    direction = { v, h, d, low, high in ruleDirection(R.self, T.self, v, h, d, slots, low, high) }
  }

  @inline(__always)
  static func pair<R: UpdateRule>(_ rule: R.Type, _ dtype: DType, slots: Int) -> RuleKernels {
    dtype == .float64
      ? RuleKernels(rule, Double.self, slots: slots) : RuleKernels(rule, Float.self, slots: slots)
  }
}

/// The part of one parameter tensor in the step of all: its vectors, the loops and the constants.
public struct RulePart {
  public let kernels: RuleKernels
  public let vectors: RuleVectors
  public let hyper: HyperValues

  public init(_ kernels: RuleKernels, _ vectors: RuleVectors, _ hyper: HyperValues) {
    self.kernels = kernels
    self.vectors = vectors
    self.hyper = hyper
  }
}

/// theta -= rate d in one pass over the vectors of all tensors.
public func takeSteps(_ parts: [RulePart], rates: [Double]) {
  SharedBlocks(parts.map { $0.vectors.count }).run { i, low, high in
    parts[i].kernels.step(parts[i].vectors, parts[i].hyper, rates[i], low, high)
  }
}

/// The directions of all tensors and the sums over each, in one pass.
public func findDirections(_ parts: [RulePart], into directions: [UnsafeMutableRawPointer]) -> [DirectionSums]
{
  SharedBlocks(parts.map { $0.vectors.count }).sums(DirectionSums(), add: { $0 += $1 }) {
    i, low, high in
    parts[i].kernels.direction(parts[i].vectors, parts[i].hyper, directions[i], low, high)
  }
}

/// Calls `body(i, count)` for whole vectors, then for the rest: two loops, so that the first has nothing but vectors in it.
@inline(__always)
func eachVector(_ width: Int, _ low: Int, _ high: Int, _ body: (_ i: Int, _ count: Int) -> Void) {
  var i = low
  while i &+ width <= high {
    body(i, width)
    i &+= width
  }
  if i < high { body(i, high &- i) }
}

@inline(__always)
private func ruleStep<R: UpdateRule, T: Scalar>(
  _: R.Type, _: T.Type, _ v: RuleVectors, _ values: HyperValues, _ rate: Double, _ slots: Int, _ low: Int,
  _ high: Int
) {
  let theta = v.parameter.assumingMemoryBound(to: T.self)
  let g = v.gradient.assumingMemoryBound(to: T.self)
  let s0 = v.newState0.assumingMemoryBound(to: T.self)
  let s1 = v.newState1.assumingMemoryBound(to: T.self)
  let h = Hyper<T.Vector>(values)
  let rate = T.Vector(rate)
  eachVector(T.Vector.width, low, high) { i, n in
    let full = n == T.Vector.width
    if full {
      writeSoon(theta + i)
      readSoon(g + i)
      if slots > 0 { writeSoon(s0 + i) }
      if slots > 1 { writeSoon(s1 + i) }
    }
    let x = full ? T.Vector.load(theta + i) : T.Vector.load(theta + i, count: n)
    var a = slots > 0 ? (full ? T.Vector.load(s0 + i) : T.Vector.load(s0 + i, count: n)) : T.Vector(0)
    var b = slots > 1 ? (full ? T.Vector.load(s1 + i) : T.Vector.load(s1 + i, count: n)) : T.Vector(0)
    let raw = full ? T.Vector.load(g + i) : T.Vector.load(g + i, count: n)
    let d = wholeDirection(R.self, raw, x, &a, &b, h).d
    let new = x - rate * d
    if full {
      if slots > 0 { a.store(s0 + i) }
      if slots > 1 { b.store(s1 + i) }
      new.store(theta + i)
    } else {
      if slots > 0 { a.store(s0 + i, count: n) }
      if slots > 1 { b.store(s1 + i, count: n) }
      new.store(theta + i, count: n)
    }
  }
}

@inline(__always)
private func ruleDirection<R: UpdateRule, T: Scalar>(
  _: R.Type, _: T.Type, _ v: RuleVectors, _ values: HyperValues, _ out: UnsafeMutableRawPointer, _ slots: Int,
  _ low: Int, _ high: Int
) -> DirectionSums {
  let theta = UnsafePointer(v.parameter.assumingMemoryBound(to: T.self))
  let g = v.gradient.assumingMemoryBound(to: T.self)
  let s0 = v.state0.assumingMemoryBound(to: T.self)
  let s1 = v.state1.assumingMemoryBound(to: T.self)
  let n0 = v.newState0.assumingMemoryBound(to: T.self)
  let n1 = v.newState1.assumingMemoryBound(to: T.self)
  let out = out.assumingMemoryBound(to: T.self)
  let h = Hyper<T.Vector>(values)
  var slope = T.Vector.Wide(0)
  var smoothedSlope = T.Vector.Wide(0)
  eachVector(T.Vector.width, low, high) { i, n in
    let full = n == T.Vector.width
    if full {
      readSoon(theta + i)
      readSoon(g + i)
      if slots > 0 { readSoon(s0 + i) }
      if slots > 1 { readSoon(s1 + i) }
      writeSoon(out + i)
    }
    let x = full ? T.Vector.load(theta + i) : T.Vector.load(theta + i, count: n)
    var a = slots > 0 ? (full ? T.Vector.load(s0 + i) : T.Vector.load(s0 + i, count: n)) : T.Vector(0)
    var b = slots > 1 ? (full ? T.Vector.load(s1 + i) : T.Vector.load(s1 + i, count: n)) : T.Vector(0)
    let raw = full ? T.Vector.load(g + i) : T.Vector.load(g + i, count: n)
    let (d, smoothed) = wholeDirection(R.self, raw, x, &a, &b, h)
    if full {
      slope = T.Vector.addProduct(raw, d, slope)
      smoothedSlope = T.Vector.addProduct(smoothed, d, smoothedSlope)
      if slots > 0 { a.store(n0 + i) }
      if slots > 1 { b.store(n1 + i) }
      d.store(out + i)
    } else {
      if slots > 0 { a.store(n0 + i, count: n) }
      if slots > 1 { b.store(n1 + i, count: n) }
      d.store(out + i, count: n)
      // What lies beyond the end may be 0/0: only what is there counts.
      let kept = T.Vector.load(UnsafePointer(out + i), count: n)
      slope = T.Vector.addProduct(raw, kept, slope)
      withUnsafeTemporaryAllocation(of: T.self, capacity: T.Vector.width) { room in
        smoothed.store(room.baseAddress!)
        let average = T.Vector.load(UnsafePointer(room.baseAddress!), count: n)
        smoothedSlope = T.Vector.addProduct(average, kept, smoothedSlope)
      }
    }
  }
  return DirectionSums(slope: slope.sum(), smoothedSlope: smoothedSlope.sum())
}

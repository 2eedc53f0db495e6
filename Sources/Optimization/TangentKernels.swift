import Kernels
import Vocabulary

/// What all columns of a step share, for one parameter tensor: the values before the step, which are only read.
public struct StepVectors {
  public var parameter, gradient, state0, state1: UnsafeRawPointer
  public var count: Int
  /// Bounds of the elements of the gradient and of its tangent; infinite where there are none.
  public var clipGradient, clipProduct: Double

  public init(
    parameter: UnsafeRawPointer, gradient: UnsafeRawPointer, state0: UnsafeRawPointer,
    state1: UnsafeRawPointer, count: Int, clipGradient: Double, clipProduct: Double
  ) {
    self.parameter = parameter
    self.gradient = gradient
    self.state0 = state0
    self.state1 = state1
    self.count = count
    self.clipGradient = clipGradient
    self.clipProduct = clipProduct
  }
}

/// The constants of a step and its rate.
public struct StepConstants<L: Lane> {
  public var hyper: Hyper<L>
  public var rate: L

  public init(hyper: Hyper<L>, rate: L) {
    self.hyper = hyper
    self.rate = rate
  }
}

extension StepConstants<Dual<Double>> {
  /// Constants that nothing is differentiated by.
  public init(_ hyper: HyperValues, rate: Double) {
    self.init(hyper: Hyper(hyper) { Dual($0, tangent: 0) }, rate: Dual(rate, tangent: 0))
  }
}

extension StepConstants {
  /// The same for every element of a vector.
  @inline(__always)
  init<V: Lane>(broadcasting c: StepConstants<Dual<Double>>) where L == Dual<V> {
    self.init(hyper: Hyper(c.hyper, L.init(broadcasting:)), rate: L(broadcasting: c.rate))
  }
}

extension Dual {
  @inline(__always)
  init(broadcasting x: Dual<Double>) { self.init(Base(x.value), tangent: Base(x.tangent)) }
}

/// One direction in which a step is differentiated: tangents of parameter and state, which the step advances, the
/// tangent of the gradient (the Hessian times the parameter's tangent), and the constants as duals.
public struct TangentColumn {
  public var parameter, state0, state1: UnsafeMutableRawPointer
  public var product: UnsafeRawPointer
  public var constants: StepConstants<Dual<Double>>

  public init(
    parameter: UnsafeMutableRawPointer, state0: UnsafeMutableRawPointer, state1: UnsafeMutableRawPointer,
    product: UnsafeRawPointer, constants: StepConstants<Dual<Double>>
  ) {
    self.parameter = parameter
    self.state0 = state0
    self.state1 = state1
    self.product = product
    self.constants = constants
  }
}

/// The loops of the training step on duals, for one rule and element type.
public struct TangentKernels: Sendable {
  /// Advances the tangents of all columns over a step.
  public let advance: @Sendable (_ v: StepVectors, _ columns: UnsafeBufferPointer<TangentColumn>) -> Void

  @inline(__always)
  init<R: UpdateRule, T: Scalar>(_: R.Type, _: T.Type, slots: Int) {
    advance = { v, columns in
      let blocks = (v.count + tangentBlock - 1) / tangentBlock
      ThreadPool.shared.run(blocks) { block in
        let (low, high) = (block * tangentBlock, min(v.count, (block + 1) * tangentBlock))
        for column in columns {
          advanceRange(R.self, T.self, v, column, .init(broadcasting: column.constants), slots, low, high)
        }
      }
    }
  }
}

/// Few enough elements that the vectors which all columns read stay in the first-level cache.
private let tangentBlock = 1 << 11

/// Elements beyond the bound become the bound; on the bound itself they keep their tangent, as PyTorch's clamp does.
@inline(__always)
func clamped<L: Lane>(_ x: L, _ bound: L) -> L {
  let low = L.select(-bound, greaterThan: x, -bound, x)
  return L.select(low, greaterThan: bound, bound, low)
}

@inline(__always)
private func advanceRange<R: UpdateRule, T: Scalar>(
  _: R.Type, _: T.Type, _ v: StepVectors, _ column: TangentColumn, _ c: StepConstants<Dual<T.Vector>>,
  _ slots: Int, _ low: Int, _ high: Int
) {
  typealias V = T.Vector
  let theta = v.parameter.assumingMemoryBound(to: T.self)
  let g = v.gradient.assumingMemoryBound(to: T.self)
  let s0 = v.state0.assumingMemoryBound(to: T.self)
  let s1 = v.state1.assumingMemoryBound(to: T.self)
  let dg = column.product.assumingMemoryBound(to: T.self)
  let z = column.parameter.assumingMemoryBound(to: T.self)
  let c0 = column.state0.assumingMemoryBound(to: T.self)
  let c1 = column.state1.assumingMemoryBound(to: T.self)
  let bound = Dual(V(v.clipGradient), tangent: V(0))
  let productBound = V(v.clipProduct)
  let width = V.width
  @inline(__always)
  func read(_ p: UnsafePointer<T>, _ i: Int, _ n: Int) -> V {
    n == width ? V.load(p + i) : V.load(p + i, count: n)
  }
  var i = low
  while i < high {
    let n = min(width, high &- i)
    let x = Dual(read(theta, i, n), tangent: read(z, i, n))
    let raw = Dual(read(g, i, n), tangent: clamped(read(dg, i, n), productBound))
    var a = slots > 0 ? Dual(read(s0, i, n), tangent: read(c0, i, n)) : Dual(V(0), tangent: V(0))
    var b = slots > 1 ? Dual(read(s1, i, n), tangent: read(c1, i, n)) : Dual(V(0), tangent: V(0))
    let d = wholeDirection(R.self, clamped(raw, bound), x, &a, &b, c.hyper).d
    let new = (x - c.rate * d).tangent
    if n == width {
      if slots > 0 { a.tangent.store(c0 + i) }
      if slots > 1 { b.tangent.store(c1 + i) }
      new.store(z + i)
    } else {
      if slots > 0 { a.tangent.store(c0 + i, count: n) }
      if slots > 1 { b.tangent.store(c1 + i, count: n) }
      new.store(z + i, count: n)
    }
    i &+= width
  }
}

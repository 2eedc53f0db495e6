import Kernels
import Vocabulary

/// Adjoints of one parameter tensor: of the values after the step on entry, of those before it on return. `gradient` is
/// written alone: the adjoint of the gradient that the step used.
public struct AdjointVectors {
  public var parameter, state0, state1, gradient: UnsafeMutableRawPointer

  public init(
    parameter: UnsafeMutableRawPointer, state0: UnsafeMutableRawPointer, state1: UnsafeMutableRawPointer,
    gradient: UnsafeMutableRawPointer
  ) {
    self.parameter = parameter
    self.state0 = state0
    self.state1 = state1
    self.gradient = gradient
  }
}

/// The loops of reverse mode. The Jacobian of a step is found element by element, by running the rule on duals once for
/// each of its inputs, and multiplied from the left.
public struct AdjointKernels: Sendable {
  /// Goes back over a step with these constants, and adds to `sums`, one for each of `seeds`: the same constants with
  /// their derivatives by one hyperparameter.
  public let retreat:
    @Sendable (
      _ v: StepVectors, _ adjoint: AdjointVectors, _ constants: StepConstants<Dual<Double>>,
      _ seeds: [StepConstants<Dual<Double>>], _ sums: inout [Double]
    ) -> Void

  @inline(__always)
  init<R: UpdateRule, T: Scalar>(_: R.Type, _: T.Type, slots: Int) {
    retreat = { v, adjoint, constants, seeds, sums in
      let blocks = max(1, (v.count + adjointBlock - 1) / adjointBlock)
      var partial = [Double](repeating: 0, count: blocks * seeds.count)
      partial.withUnsafeMutableBufferPointer { partial in
        nonisolated(unsafe) let partials = partial
        ThreadPool.shared.run(blocks) { block in
          let (low, high) = (block * adjointBlock, min(v.count, (block + 1) * adjointBlock))
          // Before the adjoints of the values after the step are overwritten.
          for (i, seed) in seeds.enumerated() {
            partials[block * seeds.count + i] = hyperAdjoint(
              R.self, T.self, v, adjoint, .init(broadcasting: seed), slots, low, high)
          }
          retreatRange(R.self, T.self, v, adjoint, .init(broadcasting: constants), slots, low, high)
        }
      }
      for (i, value) in partial.enumerated() { sums[i % seeds.count] += value }
    }
  }
}

private let adjointBlock = 1 << 12

/// What the step makes of one vector of elements.
@inline(__always)
private func stepped<R: UpdateRule, V: Lane>(
  _: R.Type, _ x: Dual<V>, _ g: Dual<V>, _ s0: Dual<V>, _ s1: Dual<V>, _ c: StepConstants<Dual<V>>,
  _ bound: Dual<V>
) -> (x: V, s0: V, s1: V) {
  var (a, b) = (s0, s1)
  let d = wholeDirection(R.self, clamped(g, bound), x, &a, &b, c.hyper).d
  return ((x - c.rate * d).tangent, a.tangent, b.tangent)
}

@inline(__always)
private func loaded<T: Scalar>(_ p: UnsafeRawPointer, _ i: Int, _ n: Int, _: T.Type) -> T.Vector {
  let p = p.assumingMemoryBound(to: T.self)
  return n == T.Vector.width ? T.Vector.load(p + i) : T.Vector.load(p + i, count: n)
}

@inline(__always)
private func store<T: Scalar>(_ v: T.Vector, _ p: UnsafeMutableRawPointer, _ i: Int, _ n: Int, _: T.Type) {
  let p = p.assumingMemoryBound(to: T.self)
  if n == T.Vector.width { v.store(p + i) } else { v.store(p + i, count: n) }
}

@inline(__always)
private func hyperAdjoint<R: UpdateRule, T: Scalar>(
  _: R.Type, _: T.Type, _ v: StepVectors, _ adjoint: AdjointVectors, _ c: StepConstants<Dual<T.Vector>>,
  _ slots: Int, _ low: Int, _ high: Int
) -> Double {
  typealias V = T.Vector
  let bound = Dual(V(v.clipGradient), tangent: V(0))
  var sum = V.Wide(0)
  var i = low
  while i < high {
    let n = min(V.width, high &- i)
    let constant = { (p: UnsafeRawPointer) in Dual(loaded(p, i, n, T.self), tangent: V(0)) }
    let none = Dual(V(0), tangent: V(0))
    let new = stepped(
      R.self, constant(v.parameter), constant(v.gradient), slots > 0 ? constant(v.state0) : none,
      slots > 1 ? constant(v.state1) : none, c, bound)
    // Beyond the end the adjoints are zero, but the derivatives may be 0/0.
    let valid = n == V.width
    let x = valid ? new.x : kept(new.x, n, T.self)
    let s0 = valid ? new.s0 : kept(new.s0, n, T.self)
    sum = V.addProduct(loaded(adjoint.parameter, i, n, T.self), x, sum)
    if slots > 0 { sum = V.addProduct(loaded(adjoint.state0, i, n, T.self), s0, sum) }
    if slots > 1 {
      let s1 = valid ? new.s1 : kept(new.s1, n, T.self)
      sum = V.addProduct(loaded(adjoint.state1, i, n, T.self), s1, sum)
    }
    i &+= V.width
  }
  return sum.sum()
}

/// The first n elements, the rest zero.
@inline(__always)
private func kept<T: Scalar>(_ v: T.Vector, _ n: Int, _: T.Type) -> T.Vector {
  withUnsafeTemporaryAllocation(of: T.self, capacity: T.Vector.width) { room in
    v.store(room.baseAddress!)
    return T.Vector.load(UnsafePointer(room.baseAddress!), count: n)
  }
}

@inline(__always)
private func retreatRange<R: UpdateRule, T: Scalar>(
  _: R.Type, _: T.Type, _ v: StepVectors, _ adjoint: AdjointVectors, _ c: StepConstants<Dual<T.Vector>>,
  _ slots: Int, _ low: Int, _ high: Int
) {
  typealias V = T.Vector
  let bound = Dual(V(v.clipGradient), tangent: V(0))
  var i = low
  while i < high {
    let n = min(V.width, high &- i)
    let x = loaded(v.parameter, i, n, T.self)
    let g = loaded(v.gradient, i, n, T.self)
    let s0 = slots > 0 ? loaded(v.state0, i, n, T.self) : V(0)
    let s1 = slots > 1 ? loaded(v.state1, i, n, T.self) : V(0)
    let ax = loaded(adjoint.parameter, i, n, T.self)
    let a0 = slots > 0 ? loaded(adjoint.state0, i, n, T.self) : V(0)
    let a1 = slots > 1 ? loaded(adjoint.state1, i, n, T.self) : V(0)
    // The adjoint of the input whose tangent is one.
    let pulled = { (dx: Double, dg: Double, d0: Double, d1: Double) -> V in
      let new = stepped(
        R.self, Dual(x, tangent: V(dx)), Dual(g, tangent: V(dg)), Dual(s0, tangent: V(d0)),
        Dual(s1, tangent: V(d1)), c, bound)
      let sum = slots > 0 ? ax * new.x + a0 * new.s0 : ax * new.x
      return slots > 1 ? sum + a1 * new.s1 : sum
    }
    let (bx, bg) = (pulled(1, 0, 0, 0), pulled(0, 1, 0, 0))
    let b0 = slots > 0 ? pulled(0, 0, 1, 0) : V(0)
    if slots > 1 { store(pulled(0, 0, 0, 1), adjoint.state1, i, n, T.self) }
    store(bx, adjoint.parameter, i, n, T.self)
    store(bg, adjoint.gradient, i, n, T.self)
    if slots > 0 { store(b0, adjoint.state0, i, n, T.self) }
    i &+= V.width
  }
}

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
  /// Goes back over step t, counted from 1, and adds to the adjoints of its hyperparameters.
  public let retreat:
    @Sendable (
      _ v: StepVectors, _ adjoint: AdjointVectors, _ constants: StepConstants<Double>, _ t: Int,
      _ sums: inout StepConstants<Double>
    ) -> Void

  @inline(__always)
  static func pair<R: UpdateRule>(_ rule: TrainingRule, _: R.Type, _ dtype: DType) -> AdjointKernels {
    dtype == .float64
      ? AdjointKernels(rule, R.self, Double.self) : AdjointKernels(rule, R.self, Float.self)
  }

  @inline(__always)
  init<R: UpdateRule, T: Scalar>(_ rule: TrainingRule, _: R.Type, _: T.Type) {
    retreat = { v, adjoint, constants, t, sums in
      let duals = rule.hyperparameters.map { h -> (Hyperparameter, StepConstants<Dual<Double>>) in
        var c = StepConstants<Dual<Double>>()
        for other in Hyperparameter.allCases {
          c[other] = Dual(constants[other], tangent: other == h ? 1 : 0)
        }
        return (h, c)
      }
      let blocks = max(1, (v.count + adjointBlock - 1) / adjointBlock)
      var partial = [StepConstants<Double>](repeating: .init(), count: blocks)
      partial.withUnsafeMutableBufferPointer { partial in
        nonisolated(unsafe) let partials = partial.baseAddress!
        ThreadPool.shared.run(blocks) { block in
          let (low, high) = (block * adjointBlock, min(v.count, (block + 1) * adjointBlock))
          // Before the adjoints of the values after the step are overwritten.
          for (h, c) in duals {
            partials[block][h] = hyperAdjoint(
              R.self, T.self, v, adjoint, Hyper(broadcasting: rule.hyper(c, t)), Dual(broadcasting: c.rate),
              rule.stateCount, low, high)
          }
          var fixed = duals[0].1
          fixed.rate.tangent = 0
          retreatRange(
            R.self, T.self, v, adjoint, Hyper(broadcasting: rule.hyper(fixed, t)),
            Dual(broadcasting: fixed.rate),
            rule.stateCount, low, high)
        }
        for block in 0..<blocks {
          for h in rule.hyperparameters { sums[h] += partials[block][h] }
        }
      }
    }
  }
}

private let adjointBlock = 1 << 12

/// What the step makes of one vector of elements.
@inline(__always)
private func stepped<R: UpdateRule, V: Lane>(
  _: R.Type, _ x: Dual<V>, _ g: Dual<V>, _ s0: Dual<V>, _ s1: Dual<V>, _ h: Hyper<Dual<V>>, _ rate: Dual<V>,
  _ bound: Dual<V>
) -> (x: V, s0: V, s1: V) {
  var (a, b) = (s0, s1)
  let d = wholeDirection(R.self, clamped(g, bound), x, &a, &b, h).d
  return ((x - rate * d).tangent, a.tangent, b.tangent)
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
  _: R.Type, _: T.Type, _ v: StepVectors, _ adjoint: AdjointVectors, _ h: Hyper<Dual<T.Vector>>,
  _ rate: Dual<T.Vector>, _ slots: Int, _ low: Int, _ high: Int
) -> Double {
  typealias V = T.Vector
  let bound = Dual(V(v.clipGradient), tangent: V(0))
  var sum = V.Wide(0)
  var i = low
  while i < high {
    let n = min(V.width, high &- i)
    let constant = { (p: UnsafeRawPointer) in Dual(loaded(p, i, n, T.self), tangent: V(0)) }
    let new = stepped(
      R.self, constant(v.parameter), constant(v.gradient), constant(v.state0),
      slots > 1 ? constant(v.state1) : Dual(V(0), tangent: V(0)), h, rate, bound)
    // Beyond the end the adjoints are zero, but the derivatives may be 0/0.
    let valid = n == V.width
    let x = valid ? new.x : kept(new.x, n, T.self)
    let s0 = valid ? new.s0 : kept(new.s0, n, T.self)
    sum = V.addProduct(loaded(adjoint.parameter, i, n, T.self), x, sum)
    sum = V.addProduct(loaded(adjoint.state0, i, n, T.self), s0, sum)
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
  _: R.Type, _: T.Type, _ v: StepVectors, _ adjoint: AdjointVectors, _ h: Hyper<Dual<T.Vector>>,
  _ rate: Dual<T.Vector>, _ slots: Int, _ low: Int, _ high: Int
) {
  typealias V = T.Vector
  let bound = Dual(V(v.clipGradient), tangent: V(0))
  var i = low
  while i < high {
    let n = min(V.width, high &- i)
    let x = loaded(v.parameter, i, n, T.self)
    let g = loaded(v.gradient, i, n, T.self)
    let s0 = loaded(v.state0, i, n, T.self)
    let s1 = slots > 1 ? loaded(v.state1, i, n, T.self) : V(0)
    let ax = loaded(adjoint.parameter, i, n, T.self)
    let a0 = loaded(adjoint.state0, i, n, T.self)
    let a1 = slots > 1 ? loaded(adjoint.state1, i, n, T.self) : V(0)
    // The adjoint of the input whose tangent is one.
    let pulled = { (dx: Double, dg: Double, d0: Double, d1: Double) -> V in
      let new = stepped(
        R.self, Dual(x, tangent: V(dx)), Dual(g, tangent: V(dg)), Dual(s0, tangent: V(d0)),
        Dual(s1, tangent: V(d1)), h, rate, bound)
      let sum = ax * new.x + a0 * new.s0
      return slots > 1 ? sum + a1 * new.s1 : sum
    }
    let (bx, bg, b0) = (pulled(1, 0, 0, 0), pulled(0, 1, 0, 0), pulled(0, 0, 1, 0))
    if slots > 1 { store(pulled(0, 0, 0, 1), adjoint.state1, i, n, T.self) }
    store(bx, adjoint.parameter, i, n, T.self)
    store(bg, adjoint.gradient, i, n, T.self)
    store(b0, adjoint.state0, i, n, T.self)
    i &+= V.width
  }
}

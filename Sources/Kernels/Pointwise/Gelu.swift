/// x Phi(x) with the exact normal distribution function, as PyTorch's default. With the density f:
/// first = Phi + x f, second = (2 - x^2) f.
enum Gelu: PointwiseFunction {
  static var name: String { "gelu" }
  static var reads: PointwiseReads { .input }

  @inline(__always)
  private static func distribution<L: VectorLane>(_ x: L) -> L {
    L(0.5) * (L(1) + L.erf(x * L(0.7071067811865476)))
  }
  @inline(__always)
  private static func density<L: VectorLane>(_ x: L) -> L { L(0.3989422804014327) * L.exp(L(-0.5) * x * x) }

  @inline(__always)
  static func value<L: VectorLane>(_ x: L, _ p: PointwiseParameters) -> L { x * distribution(x) }
  @inline(__always)
  static func first<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L {
    distribution(x) + x * density(x)
  }
  @inline(__always)
  static func second<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L {
    (L(2) - x * x) * density(x)
  }
}

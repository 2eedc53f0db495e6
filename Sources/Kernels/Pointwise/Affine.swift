/// a x + b.
enum Affine: PointwiseFunction {
  @inline(__always)
  static func value<L: VectorLane>(_ x: L, _ p: PointwiseParameters) -> L {
    x.fused(times: L(p.a), plus: L(p.b))
  }
  @inline(__always)
  static func first<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L { L(p.a) }
  @inline(__always)
  static func second<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L { L(0) }
  static var bends: Bool { false }
}

import CVector

/// cos x, by the C library lane by lane.
enum Cosine: PointwiseFunction {
  static var name: String { "cos" }

  @inline(__always)
  static func value<L: VectorLane>(_ x: L, _ p: PointwiseParameters) -> L { x.mapLanes(cv_cos) }
  @inline(__always)
  static func first<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L { -x.mapLanes(cv_sin) }
  @inline(__always)
  static func second<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L { -y }
}

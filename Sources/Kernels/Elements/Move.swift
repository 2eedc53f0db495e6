/// dst[sum i_a dst_a] = src[sum i_a src_a] for elements that have no arithmetic here: integers and truth values, of which
/// only the width counts.
public func moveElements(
  _ walk: StridedWalk, byteCount: Int, _ src: UnsafeRawPointer, _ dst: UnsafeMutableRawPointer
) {
  if byteCount == 8 { move(UInt64.self, walk, src, dst) } else { move(UInt8.self, walk, src, dst) }
}

@specialized(where T == UInt8)
@specialized(where T == UInt64)
private func move<T: BitwiseCopyable>(
  _: T.Type, _ walk: StridedWalk, _ src: UnsafeRawPointer, _ dst: UnsafeMutableRawPointer
) {
  if walk.count == 0 { return }
  let src = src.assumingMemoryBound(to: T.self) + walk.sourceOffset
  let dst = dst.assumingMemoryBound(to: T.self) + walk.destinationOffset
  let last = walk.extents.count - 1
  let (n, ss, ds) = (walk.extents[last], walk.source[last], walk.destination[last])
  withUnsafeTemporaryAllocation(of: Int.self, capacity: last + 1) { index in
    for axis in 0...last { index[axis] = 0 }
    var (s, d) = (0, 0)
    while true {
      for i in 0..<n { dst[d &+ i &* ds] = src[s &+ i &* ss] }
      var axis = last - 1
      while axis >= 0 {
        index[axis] += 1
        s += walk.source[axis]
        d += walk.destination[axis]
        if index[axis] < walk.extents[axis] { break }
        s -= walk.source[axis] * walk.extents[axis]
        d -= walk.destination[axis] * walk.extents[axis]
        index[axis] = 0
        axis -= 1
      }
      if axis < 0 { return }
    }
  }
}

import CVector

/// A strided walk: dst[sum i_a dst_a] (+)= alpha src[sum i_a src_a] over an index space. Transposition, slicing,
/// broadcasting, concatenation and summation are all this one loop; its adjoint swaps the two sides.
public struct StridedWalk: Sendable {
  public let extents: [Int]
  public let source: [Int]
  public let destination: [Int]
  public let sourceOffset: Int
  public let destinationOffset: Int
  public let count: Int
  /// Two index tuples may meet in one destination element.
  public let reduces: Bool

  public init(
    extents: [Int], source: [Int], destination: [Int], sourceOffset: Int = 0, destinationOffset: Int = 0
  ) {
    var e: [Int] = []
    var s: [Int] = []
    var d: [Int] = []
    for axis in extents.indices where extents[axis] != 1 {
      if let last = e.indices.last, s[last] == source[axis] * extents[axis],
        d[last] == destination[axis] * extents[axis]
      {
        e[last] *= extents[axis]
        s[last] = source[axis]
        d[last] = destination[axis]
      } else {
        e.append(extents[axis])
        s.append(source[axis])
        d.append(destination[axis])
      }
    }
    if e.isEmpty { (e, s, d) = ([1], [1], [1]) }
    (self.extents, self.source, self.destination) = (e, s, d)
    self.sourceOffset = sourceOffset
    self.destinationOffset = destinationOffset
    count = extents.reduce(1, *)
    reduces = zip(e, d).contains { $0 > 1 && $1 == 0 }
  }

  public var swapped: StridedWalk {
    StridedWalk(
      extents: extents, source: destination, destination: source, sourceOffset: destinationOffset,
      destinationOffset: sourceOffset)
  }
}

/// The destination must hold defined values if `accumulate` or if the walk reduces.
@specialized(where T == Float)
@specialized(where T == Double)
public func stridedCopy<T: Scalar>(
  _: T.Type, _ walk: StridedWalk, _ src: UnsafeRawPointer, _ dst: UnsafeMutableRawPointer, _ alpha: Double,
  _ accumulate: Bool
) {
  if walk.count == 0 { return }
  let src = src.assumingMemoryBound(to: T.self) + walk.sourceOffset
  let dst = dst.assumingMemoryBound(to: T.self) + walk.destinationOffset
  let rank = walk.extents.count
  if rank == 2, walk.extents[0] > 1, walk.extents[1] > 1 {
    let n = walk.extents[1]
    if walk.destination == [0, 1], walk.source == [n, 1] {
      addChannelSums(T.self, walk.extents[0], n, src, alpha, dst)
      return
    }
    if walk.source == [0, 1], walk.destination == [n, 1], n < 8 * T.Vector.width {
      return repeatRow(src, n, T(alpha), dst, walk.extents[0], accumulate)
    }
  }
  if let crossed = crossedAxis(walk) {
    return crossedCopy(walk, crossed, src, dst, T(alpha), accumulate)
  }
  let outer = rank == 1 ? 1 : walk.extents[0]
  let perOuter = walk.count / outer
  if rank > 1, walk.count >= 2 * blockLength, walk.destination[0] != 0 {
    let rows = max(1, blockLength / max(1, perOuter))
    ThreadPool.shared.run((outer + rows - 1) / rows) { block in
      for row in (block * rows)..<min(outer, (block + 1) * rows) {
        stridedInner(walk, 1, src + row * walk.source[0], dst + row * walk.destination[0], alpha, accumulate)
      }
    }
  } else {
    stridedInner(walk, 0, src, dst, alpha, accumulate)
  }
}

/// The axis that is contiguous on one side where the last axis is on the other: a walk along either alone would touch a
/// line of memory for each element.
private func crossedAxis(_ walk: StridedWalk) -> Int? {
  let last = walk.extents.count - 1
  guard last > 0, !walk.reduces, walk.extents[last] > 1 else { return nil }
  let (source, destination) = (walk.source[last], walk.destination[last])
  guard source != 0, (source == 1) != (destination == 1) else { return nil }
  return (0..<last).first {
    walk.extents[$0] > 1 && (destination == 1 ? walk.source[$0] == 1 : walk.destination[$0] == 1)
  }
}

/// In tiles whose lines stay in the first-level cache on both sides.
@inline(__always)
private func crossedCopy<T: Scalar>(
  _ walk: StridedWalk, _ crossed: Int, _ src: UnsafePointer<T>, _ dst: UnsafeMutablePointer<T>, _ factor: T,
  _ accumulate: Bool
) {
  let tile = 16
  let last = walk.extents.count - 1
  let (rows, columns) = (walk.extents[crossed], walk.extents[last])
  let (sr, sc, dr, dc) = (
    walk.source[crossed], walk.source[last], walk.destination[crossed], walk.destination[last]
  )
  let bands = (rows + tile - 1) / tile
  let others = walk.count / (rows * columns)
  let moves = factor == 1 && !accumulate
  func copy(_ low: Int, _ high: Int) {
    for item in low..<high {
      var (rest, s, d) = (item / bands, 0, 0)
      for axis in stride(from: last - 1, through: 0, by: -1) where axis != crossed {
        let index = rest % walk.extents[axis]
        rest /= walk.extents[axis]
        s += index * walk.source[axis]
        d += index * walk.destination[axis]
      }
      let first = item % bands * tile
      let end = min(rows, first + tile)
      for left in stride(from: 0, to: columns, by: tile) {
        let right = min(columns, left + tile)
        if moves, end &- first == tile, right &- left == tile {
          // The side that is contiguous along the last axis is read or written by rows of the other.
          let (from, to) = (
            src + (s &+ first &* sr &+ left &* sc), dst + (d &+ first &* dr &+ left &* dc)
          )
          transposeTile(from, dc == 1 ? sc : sr, to, dc == 1 ? dr : dc)
          continue
        }
        for row in first..<end {
          let (from, to) = (src + (s &+ row &* sr), dst + (d &+ row &* dr))
          for column in left..<right {
            let value = from[column &* sc] * factor
            to[column &* dc] = accumulate ? to[column &* dc] + value : value
          }
        }
      }
    }
  }
  parallelRanges(others * bands, length: max(1, blockLength / (tile * columns)), copy)
}

/// to[j * step + i] = from[i * gap + j] for i, j < 16.
@inline(__always)
private func transposeTile<T: Scalar>(
  _ from: UnsafePointer<T>, _ gap: Int, _ to: UnsafeMutablePointer<T>, _ step: Int
) {
  let (from, to) = (UnsafeRawPointer(from), UnsafeMutableRawPointer(to))
  if MemoryLayout<T>.size == 4 {
    cv_transpose_f32(
      from.assumingMemoryBound(to: Float.self), gap, 16, to.assumingMemoryBound(to: Float.self), step)
    return
  }
  let (a, b) = (from.assumingMemoryBound(to: Double.self), to.assumingMemoryBound(to: Double.self))
  for i in stride(from: 0, to: 16, by: 8) {
    for j in stride(from: 0, to: 16, by: 8) {
      cv_transpose_f64(a + (i &* gap &+ j), gap, 8, b + (j &* step &+ i), step)
    }
  }
}

/// Every one of `rows` rows (+)= factor times one short row: as many copies of it as vectors have elements are whole
/// vectors.
@inline(__always)
private func repeatRow<T: Scalar>(
  _ row: UnsafePointer<T>, _ n: Int, _ factor: T, _ dst: UnsafeMutablePointer<T>, _ rows: Int,
  _ accumulate: Bool
) {
  let copies = T.Vector.width
  withUnsafeTemporaryAllocation(of: T.self, capacity: copies * n) { pattern in
    let pattern = pattern.baseAddress!
    for copy in 0..<copies { for i in 0..<n { pattern[copy * n + i] = row[i] * factor } }
    let bands = (rows + copies - 1) / copies
    parallelRanges(bands, length: max(1, blockLength / (copies * n))) { low, high in
      for band in low..<high {
        let to = dst + band * copies * n
        let count = min(copies, rows - band * copies) * n
        stridedRow(UnsafePointer(pattern), 1, to, 1, count, 1, accumulate)
      }
    }
  }
}

@inline(__always)
func stridedInner<T: Scalar>(
  _ walk: StridedWalk, _ first: Int, _ src: UnsafePointer<T>, _ dst: UnsafeMutablePointer<T>, _ alpha: Double,
  _ accumulate: Bool
) {
  let rank = walk.extents.count
  let n = walk.extents[rank - 1]
  let ss = walk.source[rank - 1]
  let ds = walk.destination[rank - 1]
  if first >= rank - 1 {
    stridedRow(src, ss, dst, ds, n, alpha, accumulate)
    return
  }
  withUnsafeTemporaryAllocation(of: Int.self, capacity: rank) { index in
    for axis in 0..<rank { index[axis] = 0 }
    var s = 0
    var d = 0
    while true {
      stridedRow(src + s, ss, dst + d, ds, n, alpha, accumulate)
      var axis = rank - 2
      while axis >= first {
        index[axis] += 1
        s += walk.source[axis]
        d += walk.destination[axis]
        if index[axis] < walk.extents[axis] { break }
        s -= walk.source[axis] * walk.extents[axis]
        d -= walk.destination[axis] * walk.extents[axis]
        index[axis] = 0
        axis -= 1
      }
      if axis < first { return }
    }
  }
}

@inline(__always)
func stridedRow<T: Scalar>(
  _ src: UnsafePointer<T>, _ ss: Int, _ dst: UnsafeMutablePointer<T>, _ ds: Int, _ n: Int, _ alpha: Double,
  _ accumulate: Bool
) {
  let factor = T(alpha)
  if ds == 0 && n > 1 {
    // Long float sums are flushed to double every 1024 elements.
    var total = 0.0
    if ss == 1 {
      var i = 0
      while i < n {
        let end = min(n, i + 1024)
        var v = T.Vector(0)
        while i &+ T.Vector.width <= end {
          v = v + T.Vector.load(src + i)
          i &+= T.Vector.width
        }
        total += v.sum()
        while i < end {
          total += Double(src[i])
          i &+= 1
        }
      }
    } else {
      for i in 0..<n { total += Double(src[i &* ss]) }
    }
    dst[0] += T(alpha * total)
  } else if ds == 1 && ss == 1 {
    let vector = T.Vector(alpha)
    var i = 0
    while i &+ T.Vector.width <= n {
      let v = T.Vector.load(src + i)
      (accumulate ? v.fused(times: vector, plus: T.Vector.load(UnsafePointer(dst + i))) : v * vector).store(
        dst + i)
      i &+= T.Vector.width
    }
    while i < n {
      dst[i] = accumulate ? dst[i].addingProduct(src[i], factor) : src[i] * factor
      i &+= 1
    }
  } else if ss == 0 && ds == 1 {
    let value = src[0] * factor
    if accumulate {
      for i in 0..<n { dst[i] += value }
    } else {
      dst.update(repeating: value, count: n)
    }
  } else if accumulate {
    for i in 0..<n { dst[i &* ds] += src[i &* ss] * factor }
  } else {
    for i in 0..<n { dst[i &* ds] = src[i &* ss] * factor }
  }
}

import CVector

/// The leaf loops of the matrix product. This folder is compiled four times: `MicroKernels` for the processor that every
/// build needs and `MicroKernelsV4` for AVX-512, in float32; `MicroKernels64` and `MicroKernels64V4` in float64. Nothing
/// else may live here, since code for AVX-512 must never run unasked.

/// C (+)= A B for one tile.
public typealias MicroKernel = @convention(c) (UnsafePointer<cv_tile>) -> Void

/// Numbers of a vector.
public let vectorWidth = Vector.scalarCount

/// Rows of the tallest tile: the accumulators of two vectors each fill the registers.
#if WIDE_VECTORS
  public let tallest = 14
#else
  public let tallest = 6
#endif

/// The kernel of 1 to `tallest` rows, one vector wide. Functions, since an array would bring generic code along.
public func narrowKernel(_ rows: Int) -> MicroKernel {
  switch rows {
  case 1: return { multiplyTile(Rows1<OneVector>.self, $0) }
  case 2: return { multiplyTile(Rows2<OneVector>.self, $0) }
  case 3: return { multiplyTile(Rows3<OneVector>.self, $0) }
  case 4: return { multiplyTile(Rows4<OneVector>.self, $0) }
  case 5: return { multiplyTile(Rows5<OneVector>.self, $0) }
  #if WIDE_VECTORS
    case 7: return { multiplyTile(Rows7<OneVector>.self, $0) }
    case 8: return { multiplyTile(Rows8<OneVector>.self, $0) }
    case 9: return { multiplyTile(Rows9<OneVector>.self, $0) }
    case 10: return { multiplyTile(Rows10<OneVector>.self, $0) }
    case 11: return { multiplyTile(Rows11<OneVector>.self, $0) }
    case 12: return { multiplyTile(Rows12<OneVector>.self, $0) }
    case 13: return { multiplyTile(Rows13<OneVector>.self, $0) }
    case 14: return { multiplyTile(Rows14<OneVector>.self, $0) }
  #endif
  default: return { multiplyTile(Rows6<OneVector>.self, $0) }
  }
}

/// The kernel of 1 to `tallest` rows, two vectors wide.
public func wideKernel(_ rows: Int) -> MicroKernel {
  switch rows {
  case 1: return { multiplyTile(Rows1<TwoVectors>.self, $0) }
  case 2: return { multiplyTile(Rows2<TwoVectors>.self, $0) }
  case 3: return { multiplyTile(Rows3<TwoVectors>.self, $0) }
  case 4: return { multiplyTile(Rows4<TwoVectors>.self, $0) }
  case 5: return { multiplyTile(Rows5<TwoVectors>.self, $0) }
  #if WIDE_VECTORS
    case 7: return { multiplyTile(Rows7<TwoVectors>.self, $0) }
    case 8: return { multiplyTile(Rows8<TwoVectors>.self, $0) }
    case 9: return { multiplyTile(Rows9<TwoVectors>.self, $0) }
    case 10: return { multiplyTile(Rows10<TwoVectors>.self, $0) }
    case 11: return { multiplyTile(Rows11<TwoVectors>.self, $0) }
    case 12: return { multiplyTile(Rows12<TwoVectors>.self, $0) }
    case 13: return { multiplyTile(Rows13<TwoVectors>.self, $0) }
    case 14: return { multiplyTile(Rows14<TwoVectors>.self, $0) }
  #endif
  default: return { multiplyTile(Rows6<TwoVectors>.self, $0) }
  }
}

@inline(__always)
private func multiplyTile<T: Tile>(_: T.Type, _ operands: UnsafePointer<cv_tile>)
where T.Row: FinishingColumns {
  let given = operands.pointee
  var tile = T()
  var (a, b, left) = (reals(given.a), reals(given.b), given.depth)
  if given.a_row == 1 {
    // Few rows take long enough for the second-level cache.
    let ahead = 32 &* given.a_step
    // Packed or transposed: the rows are at constant offsets, which leaves the address registers free.
    while left > 0 {
      cv_prefetch_near(a + ahead)
      tile.add(a, 1, T.Row(b))
      a += given.a_step
      b += given.b_step
      left &-= 1
    }
  } else {
    while left > 0 {
      tile.add(a, given.a_row, T.Row(b))
      a += given.a_step
      b += given.b_step
      left &-= 1
    }
  }
  if given.bias == nil && given.residue == nil {
    tile.write(reals(given.c), given.c_row, given.accumulate)
    return
  }
  // -0 leaves every number as it is, 0 would not leave -0.
  let bias = given.bias.map { T.Row(reals($0)) } ?? T.Row(repeating: -0.0)
  var residue = T.Row()
  tile.finish(reals(given.c), given.c_row, given.accumulate, bias, &residue)
  if given.residue != nil { store(load(reals(given.residue)) + residue.folded, reals(given.residue)) }
}

/// Multiply-adds on registers alone, for measuring what the processor can do; returns their number of floating-point
/// operations.
public let multiplyAddLoop: @convention(c) (_ rounds: Int, _ sum: UnsafeMutableRawPointer) -> Int = {
  rounds, sum in
  let sum = reals(sum)
  var tile = Rows6<TwoVectors>()
  let factor = TwoVectors(repeating: 0.5)
  withUnsafePointer(to: sum.pointee) { x in
    for _ in 0..<rounds { tile.add(x, 0, factor) }
  }
  withUnsafeTemporaryAllocation(of: Real.self, capacity: 12 * vectorWidth) { buffer in
    tile.write(buffer.baseAddress!, 2 * vectorWidth, false)
    for value in buffer { sum.pointee += value }
  }
  return rounds * 2 * 12 * vectorWidth
}

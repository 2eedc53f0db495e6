import CVector
import MicroKernels

/// C (+)= A B^T by dot products along the contiguous rows of A and B, nothing packed: for products where packing costs
/// about as much as it saves.
///
/// Whether a product comes here depends on its shape alone, and each element of C is one sum in one order, whatever the
/// tile, the vector width and the number of threads: results have the same bits for all of them.
struct DotGemm<T: Scalar> {
  let kernels: GemmKernels
  let m: Int, n: Int, k: Int
  /// m rows and n rows of k numbers.
  let a: UnsafePointer<T>
  let b: UnsafePointer<T>
  let c: UnsafeMutablePointer<T>
  let accumulate: Bool
  /// Added to every row.
  var bias: UnsafePointer<T>?

  /// Products below which a share does not pay.
  private static var sharing: Int { 1 << 18 }

  /// Where this was faster than packing, by measurement: long sums, since a tile of 16 costs 30 shuffles to fold; few
  /// results for each packed number, or columns that leave a packed panel empty by a quarter and more; and a shorter
  /// side that stays in the second-level cache.
  static func takes(_ m: Int, _ n: Int, _ k: Int) -> Bool {
    guard k >= 12 * T.Vector.width else { return k >= 6 * T.Vector.width && min(m, n) <= 12 }
    let near = min(m, n) * k * MemoryLayout<T>.size <= 1 << 19
    return near && (n <= 24 || (m <= 128 && m * n <= 1 << 15))
  }

  func run(shared: Bool) {
    let rows = Split(m, divideUp(m, kernels.dotRows))
    let columns = Split(n, divideUp(n, kernels.dotColumns))
    let work = m * n * k
    let wanted = shared && work >= leastSharedProducts ? min(16, work / Self.sharing) : 1
    guard wanted > 1 else {
      multiply(rows, columns, 0..<rows.parts, 0..<columns.parts)
      return
    }
    let shares = Split(max(rows.parts, columns.parts), min(wanted, max(rows.parts, columns.parts)))
    ThreadPool.shared.run(shares.parts) { index in
      if rows.parts >= columns.parts {
        multiply(rows, columns, shares[index], 0..<columns.parts)
      } else {
        multiply(rows, columns, 0..<rows.parts, shares[index])
      }
    }
  }

  /// The longer side in the outer loop: each of its rows comes from memory once, and all of the other side is near.
  private func multiply(_ rows: Split, _ columns: Split, _ high: Range<Int>, _ wide: Range<Int>) {
    withUnsafeTemporaryAllocation(of: T.self, capacity: 16) { buffer in
      let sums = buffer.baseAddress!
      var tile = cv_tile(
        a: nil, b: nil, c: sums, a_row: k, a_step: 1, b_step: k, c_row: 4, depth: k, accumulate: false,
        bias: nil, residue: nil)
      if rows.parts >= columns.parts {
        for i in high { for j in wide { multiply(&tile, rows[i], columns[j], sums) } }
      } else {
        for j in wide { for i in high { multiply(&tile, rows[i], columns[j], sums) } }
      }
    }
  }

  @inline(__always)
  private func multiply(
    _ tile: inout cv_tile, _ rows: Range<Int>, _ columns: Range<Int>, _ sums: UnsafeMutablePointer<T>
  ) {
    tile.a = UnsafeRawPointer(a + rows.lowerBound &* k)
    tile.b = UnsafeRawPointer(b + columns.lowerBound &* k)
    kernels.dots[(rows.count &- 1) &* kernels.dotColumns &+ columns.count &- 1](&tile)
    mergeEdge(
      sums, 4, c + rows.lowerBound &* n + columns.lowerBound, n, rows.count, columns.count, accumulate,
      bias: bias.map { $0 + columns.lowerBound })
  }
}

import CVector
import MicroKernels
import Synchronization

/// Columns of A in a block: the panel of B that belongs to it takes two thirds of a first-level cache of 48 KiB.
let deepestBlock = 256
/// Blocks begin at multiples of the widest vector: a transposition moves whole vectors. The same for all vector widths,
/// since the blocks decide about the bits.
private let packingUnit = 16
/// A panel of B that is used so many times is packed.
private let worthPacking = 4
private let halfLevel2 = max(128 << 10, cv_level2_cache() / 2)
/// Products below which a share does not pay.
private let sharing = 1 << 18
/// Products of one result below which two threads are no faster than one: their numbers lie in the cache of one, and the
/// other would have to fetch them.
let leastSharedProducts = 1 << 20

/// The product C (+)= A B on our micro-kernels, after Goto and van de Geijn, "Anatomy of High-Performance Matrix
/// Multiplication" (2008).
///
/// A tile of C stays in registers while a panel of A (a few rows, all columns of the block) meets a panel of B (two
/// vectors of columns). A panel of B is packed by the thread that needs it and stays in its first-level cache while all
/// panels of A pass by; A is packed once, by all threads, and a block of it stays in the second-level cache. Packing is
/// left out where a panel would be used too few times to earn it.
///
/// Every element of C is one sum over blocks of `deepestBlock` columns at most, in order, whatever the tile, the vector width
/// and the number of threads: results have the same bits for all of them.
struct BlockedGemm<T: Scalar> {
  /// Element (i, j) is pointer[i * row + j * column]; one of the strides is 1.
  struct View {
    let pointer: UnsafePointer<T>
    let row: Int
    let column: Int
  }

  let kernels: GemmKernels
  let m: Int, n: Int, k: Int
  let a: View
  let b: View
  let c: UnsafeMutablePointer<T>
  let cRow: Int
  let accumulate: Bool
  var finish = GemmFinish.none
  /// Numbers of A that are packed at a time.
  var packedLimit = 1 << 21
  /// Uses that do not earn a panel of A its packing; nil: as measured.
  var fewUses: Int?
  /// Bytes of A up to which each panel of B goes through all of its columns before the next.
  var nearBytes = halfLevel2

  private static var size: Int { MemoryLayout<T>.size }

  func run(shared: Bool) {
    let rowPanels = divideUp(m, kernels.rows)
    let chunk = max(kernels.rows, packedLimit / max(1, k))
    guard packsA, m > chunk else { return runChunk(0, m, shared) }
    let chunks = divideUp(rowPanels, chunk / kernels.rows)
    for i in 0..<chunks { runChunk(m * i / chunks, m * (i + 1) / chunks, shared) }
  }

  private var panelWidth: Int { 2 &* kernels.width }
  /// Packing writes memory that is in no cache: up to a vector's lanes of uses A is read where it lies, up to twice as
  /// many where all of it stays in the second-level cache.
  private var packsA: Bool {
    let few = m &* k &* Self.size <= halfLevel2 ? 2 &* kernels.width : kernels.width
    return n > panelWidth &* (fewUses ?? few)
  }

  /// Rows low..<high of C.
  private func runChunk(_ low: Int, _ high: Int, _ shared: Bool) {
    let rows = Split(high - low, divideUp(high - low, kernels.rows))
    let depths = Split(k, divideUp(k, deepestBlock), unit: packingUnit)
    let columnPanels = divideUp(n, panelWidth)
    let packsA = self.packsA
    // Blocks of A that fit the second-level cache; groups of columns, whose part of C stays near. More blocks pack the
    // same B again: only where there are too few groups for the threads. No sum is cut by any of this.
    let threads = ThreadPool.shared.threads
    let wanted =
      shared ? min(16, max(1, (high - low) * n * k / sharing)) : 1
    let blocks = max(1, divideUp((high - low) * depths.longest * Self.size, halfLevel2))
    let groups = min(columnPanels, divideUp(wanted, blocks))
    let needed = min(wanted, threads == 1 ? 1 : 2 * threads)
    let rowBlocks = Split(rows.parts, min(rows.parts, max(blocks, divideUp(needed, groups))))
    let columnGroups = Split(columnPanels, groups)
    let items = rowBlocks.parts * groups
    let panelSize = depths.longest &* kernels.rows &+ kernels.width
    let packed =
      packsA
      ? cv_scratch(0, depths.parts * rows.parts * panelSize * Self.size)?.assumingMemoryBound(to: T.self)
      : nil
    if packsA && packed == nil { return }
    let layout = Layout(
      firstRow: low, rows: rows, depths: depths, panelSize: panelSize, packed: packed,
      packsB: b.column != 1 || rows.parts >= worthPacking)
    if items == 1 {
      if packsA { for panel in 0..<rows.parts { packPanels(layout, panel) } }
      multiply(layout, 0, rows.parts, 0, columnPanels)
      return
    }
    let packers = packsA ? Split(rows.parts, min(rows.parts, 16)) : Split(0, 0)
    let finished = Atomic<Int>(0)
    ThreadPool.shared.run(packers.parts + items) { index in
      if index < packers.parts {
        for panel in packers[index] { packPanels(layout, panel) }
        finished.add(1, ordering: .releasing)
        return
      }
      // Shares are handed out in order: whoever comes here knows that all packing is under way.
      waitUntil { finished.load(ordering: .acquiring) == packers.parts }
      let (block, group) = (index - packers.parts).quotientAndRemainder(dividingBy: groups)
      let (panels, columns) = (rowBlocks[block], columnGroups[group])
      multiply(layout, panels.lowerBound, panels.upperBound, columns.lowerBound, columns.upperBound)
    }
  }

  private struct Layout {
    let firstRow: Int
    let rows: Split
    let depths: Split
    /// Numbers of a packed panel of A, with room for the last vector.
    let panelSize: Int
    let packed: UnsafeMutablePointer<T>?
    let packsB: Bool

    func panel(_ depth: Int, _ index: Int) -> UnsafeMutablePointer<T> {
      packed! + (depth &* rows.parts &+ index) &* panelSize
    }
  }

  /// Rows of panel `index` of A, all columns.
  private func packPanels(_ layout: Layout, _ index: Int) {
    let range = layout.rows[index]
    let source = a.pointer + (layout.firstRow &+ range.lowerBound) &* a.row
    for d in 0..<layout.depths.parts {
      let depth = layout.depths[d]
      let from = source + depth.lowerBound &* a.column
      let to = layout.panel(d, index)
      if a.column == 1 {
        kernels.packRows(depth.count, range.count, from, a.row, to, kernels.rows)
      } else {
        kernels.packColumns(depth.count, range.count, from, a.column, to, kernels.rows)
      }
    }
  }

  /// Panels of rows low..<high times panels of columns first..<end.
  private func multiply(_ layout: Layout, _ low: Int, _ high: Int, _ first: Int, _ end: Int) {
    let width = panelWidth
    guard let room = cv_scratch(1, ((layout.depths.longest + 2) * width + kernels.rows * width) * Self.size)
    else { return }
    let buffer = room.assumingMemoryBound(to: T.self)
    let packsA = layout.packed != nil
    let bias = finish.bias?.assumingMemoryBound(to: T.self)
    var edgeResidue: T = 0
    let edge = buffer + (layout.depths.longest + 1) * width
    let residue = edge + kernels.rows * width
    if finish.watch != nil { residue.update(repeating: 0, count: kernels.width) }
    // Each panel through all blocks of columns where A stays near all the same: its part of C does, too, and long rows
    // of B are read in one go.
    let (depths, panels) = (layout.depths, end &- first)
    let rowCount = layout.rows[high &- 1].upperBound &- layout.rows[low].lowerBound
    let byPanels = rowCount &* k &* Self.size <= nearBytes
    func block(_ index: Int) -> (depth: Int, panel: Int) {
      byPanels
        ? (index % depths.parts, first &+ index / depths.parts) : (index / panels, first &+ index % panels)
    }
    for index in 0..<(panels &* depths.parts) {
      let (d, panel) = block(index)
      let depth = depths[d]
      let column = panel &* width
      let columns = min(width, n &- column)
      let narrow = columns <= kernels.width
      let kernelWidth = narrow ? kernels.width : width
      var source = b.pointer + depth.lowerBound &* b.row + column &* b.column
      var step = b.row
      if layout.packsB || columns != kernelWidth {
        if b.column == 1 {
          kernels.packColumns(depth.count, columns, source, b.row, buffer, kernelWidth)
        } else {
          kernels.packRows(depth.count, columns, source, b.column, buffer, kernelWidth)
        }
        (source, step) = (UnsafePointer(buffer), kernelWidth)
      }
      let next = index &+ 1 < panels &* depths.parts ? block(index &+ 1) : nil as (depth: Int, panel: Int)?
      let table = narrow ? kernels.narrow : kernels.wide
      let adds = accumulate || d > 0
      let whole = columns == kernelWidth
      var tile = cv_tile(
        a: nil, b: source, c: edge, a_row: a.row, a_step: a.column, b_step: step,
        c_row: whole ? cRow : width, depth: depth.count, accumulate: whole && adds, bias: nil, residue: nil)
      let ends = d &+ 1 == depths.parts
      let added = ends ? bias.map { $0 + column } : nil
      if ends && whole {
        (tile.bias, tile.residue) = (
          UnsafeRawPointer(added), finish.watch == nil ? nil : UnsafeMutableRawPointer(residue)
        )
      }
      if packsA { (tile.a_row, tile.a_step) = (1, kernels.rows) }
      for i in low..<high {
        let range = layout.rows[i]
        let row = layout.firstRow &+ range.lowerBound
        let target = c + row &* cRow + column
        tile.a = UnsafeRawPointer(
          packsA
            ? UnsafePointer(layout.panel(d, i)) : a.pointer + row &* a.row + depth.lowerBound &* a.column)
        if layout.packsB, let next { prefetch(layout, next, i &- low, high &- low) }
        if whole { tile.c = UnsafeMutableRawPointer(target) }
        table[range.count &- 1](&tile)
        if !whole {
          edgeResidue += mergeEdge(edge, width, target, cRow, range.count, columns, adds, bias: added)
        }
      }
    }
    if let watch = finish.watch {
      for lane in 0..<kernels.width { edgeResidue += residue[lane] }
      if edgeResidue != 0 { watch.fail() }
    }
  }

  /// Asks for share `part` of the panel of B that comes next: its rows are too short and lie too far apart for the
  /// processor to see it coming.
  @inline(__always)
  private func prefetch(_ layout: Layout, _ next: (depth: Int, panel: Int), _ part: Int, _ parts: Int) {
    let depth = layout.depths[next.depth]
    let column = next.panel &* panelWidth
    let columns = min(panelWidth, n &- column)
    let byRows = b.column == 1
    let (count, length) = byRows ? (depth.count, columns) : (columns, depth.count)
    let start = b.pointer + depth.lowerBound &* b.row + column &* b.column
    let stride = byRows ? b.row : b.column
    var row = count &* part / parts
    let end = count &* (part &+ 1) / parts
    while row < end {
      var line = start + row &* stride
      let stop = line + length
      while line < stop {
        cv_prefetch(line)
        line += 64 / Self.size
      }
      row &+= 1
    }
  }
}

/// Copies or adds a tile that is narrower than its kernel, then the bias. Returns 0, or NaN if an element is not finite.
@discardableResult
@specialized(where T == Float)
@specialized(where T == Double)
func mergeEdge<T: Scalar>(
  _ tile: UnsafePointer<T>, _ tileRow: Int, _ c: UnsafeMutablePointer<T>, _ cRow: Int, _ rows: Int,
  _ columns: Int, _ adds: Bool, bias: UnsafePointer<T>? = nil
) -> T {
  var residues = SIMD4<T>(repeating: 0)
  for i in 0..<rows {
    let (from, to) = (tile + i &* tileRow, c + i &* cRow)
    var j = 0
    while j &+ 4 <= columns {
      var sum = UnsafeRawPointer(from + j).loadUnaligned(as: SIMD4<T>.self)
      let place = UnsafeMutableRawPointer(to + j)
      if adds { sum = place.loadUnaligned(as: SIMD4<T>.self) + sum }
      if let bias { sum += UnsafeRawPointer(bias + j).loadUnaligned(as: SIMD4<T>.self) }
      place.storeBytes(of: sum, as: SIMD4<T>.self)
      residues += sum - sum
      j &+= 4
    }
    while j < columns {
      var sum = adds ? to[j] + from[j] : from[j]
      if let bias { sum += bias[j] }
      to[j] = sum
      residues[0] += sum - sum
      j &+= 1
    }
  }
  return residues.sum()
}

/// 0..<count in `parts` ranges whose lengths differ by one at most, the longer first; or by one unit of `unit` numbers,
/// and the last unit may be cut off.
struct Split {
  let parts: Int
  private let count: Int
  private let unit: Int
  private let length: Int
  private let longer: Int

  init(_ count: Int, _ parts: Int, unit: Int = 1) {
    self.parts = parts
    self.count = count
    self.unit = unit
    let units = divideUp(count, unit)
    length = parts == 0 ? 0 : units / parts * unit
    longer = parts == 0 ? 0 : units % parts
  }

  var longest: Int { min(count, length &+ (longer > 0 ? unit : 0)) }

  @inline(__always)
  subscript(index: Int) -> Range<Int> {
    let low = index &* length &+ min(index, longer) &* unit
    return low..<min(count, low &+ length &+ (index < longer ? unit : 0))
  }
}

@inline(__always)
func divideUp(_ a: Int, _ b: Int) -> Int { (a &+ b &- 1) / b }

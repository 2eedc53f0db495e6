import Kernels
import Vocabulary

/// The rows of a gradient that may hold anything but zeros, as a run has left them: of a table of which a batch reads few
/// rows the next run clears those alone.
final class FilledRows {
  private let gradient: Storage
  private var index: [Int32] = []
  /// Of the gradient's memory, which others may have written since.
  private var version: UInt64?
  private var wasKnown = false

  init(_ gradient: Storage) { self.gradient = gradient }

  /// Somebody is about to write there.
  func begin() {
    wasKnown = version != nil && version == gradient.version
    version = nil
  }

  /// Adds `rows` to their places in a gradient of `count` rows, or makes it these rows and zeros. Tells the watch, if there is
  /// one, whether they are finite; returns whether that is known of all.
  func add(
    _ map: SelectMap, _ dtype: DType, _ rows: UnsafeRawPointer, accumulate: Bool,
    _ watch: FiniteWatch?
  ) -> Bool {
    let (width, scalar) = (map.width, dtype.scalar)
    if !accumulate {
      if wasKnown, 2 * index.count * width < map.sourceCount {
        clearRows(scalar, gradient.pointer, index, index.count, width)
      } else {
        fill(scalar, gradient.pointer, map.sourceCount, 0)
      }
      index.removeAll(keepingCapacity: true)
    }
    scatterRows(scalar, rows, map.indices, gradient.pointer, map.rows, width, parts: map.parts)
    guard wasKnown || !accumulate else { return false }
    index.append(contentsOf: UnsafeBufferPointer(start: map.indices, count: map.rows))
    version = gradient.note()
    guard let watch else { return false }
    watchRows(scalar, watch, gradient.pointer, map.indices, map.rows, width)
    return true
  }
}

import CVector

/// The leaves of max-pooling. Vectors lie along channels. The last of a pixel runs on into the next one, whose own comes
/// later, but not out of the image, which may be another thread's.

#if DOUBLE_PRECISION
  private typealias Choice = SIMD8<Int64>
  @inline(__always)
  private func surpasses(_ a: Lanes, _ b: Lanes) -> Choice { cv_surpasses_f64(a, b) }
  @inline(__always)
  private func choose(_ mask: Choice, _ x: Lanes, _ y: Lanes) -> Lanes { cv_choose_f64(mask, x, y) }
  @inline(__always)
  private func choose(_ mask: Choice, _ x: Choice, _ y: Choice) -> Choice { cv_choose_i64(mask, x, y) }
  @inline(__always)
  private func equal(_ x: Choice, _ y: Tap) -> Choice { cv_equal_i64(x, y) }
  @inline(__always)
  private func storeBytes(_ p: UnsafeMutablePointer<UInt8>, _ x: Choice) { cv_store_bytes8(p, x) }
  @inline(__always)
  private func loadBytes(_ p: UnsafePointer<UInt8>) -> Choice { cv_load_bytes8(p) }
  @inline(__always)
  private func loadFirst(_ p: UnsafePointer<Real>, _ count: Int32) -> Lanes { cv_load_first_f64(p, count) }
  @inline(__always)
  private func storeFirst(_ x: Lanes, _ p: UnsafeMutablePointer<Real>, _ count: Int32) {
    cv_store_first_f64(x, p, count)
  }
  @inline(__always)
  private func first(_ x: Lanes, _ count: Int32) -> Lanes { cv_first_f64(x, count) }
#else
  private typealias Choice = SIMD16<Int32>
  @inline(__always)
  private func surpasses(_ a: Lanes, _ b: Lanes) -> Choice { cv_surpasses_f32(a, b) }
  @inline(__always)
  private func choose(_ mask: Choice, _ x: Lanes, _ y: Lanes) -> Lanes { cv_choose_f32(mask, x, y) }
  @inline(__always)
  private func choose(_ mask: Choice, _ x: Choice, _ y: Choice) -> Choice { cv_choose_i32(mask, x, y) }
  @inline(__always)
  private func equal(_ x: Choice, _ y: Tap) -> Choice { cv_equal_i32(x, y) }
  @inline(__always)
  private func storeBytes(_ p: UnsafeMutablePointer<UInt8>, _ x: Choice) { cv_store_bytes(p, x) }
  @inline(__always)
  private func loadBytes(_ p: UnsafePointer<UInt8>) -> Choice { cv_load_bytes(p) }
  @inline(__always)
  private func loadFirst(_ p: UnsafePointer<Real>, _ count: Int32) -> Lanes { cv_load_first_f32(p, count) }
  @inline(__always)
  private func storeFirst(_ x: Lanes, _ p: UnsafeMutablePointer<Real>, _ count: Int32) {
    cv_store_first_f32(x, p, count)
  }
  @inline(__always)
  private func first(_ x: Lanes, _ count: Int32) -> Lanes { cv_first_f32(x, count) }
#endif
/// A place in a window, as wide as the numbers that it is chosen for.
private typealias Tap = Choice.Scalar

/// The largest of each window, and where it was: the first of equals, and NaN before all.
public func poolLargest(_ p: UnsafePointer<cv_pool>) {
  let p = p.pointee
  let (x, y, choices) = (Row(reals(p.from), p.imageSize), reals(p.to), p.choices!)
  let size = p.resultSize
  // Two rows in turns are more than the processor foresees.
  let ahead = Int(p.stride_y &* p.width &* p.channels)
  p.forEachWindow { w, out, count in
    var largest = x.load(w.first, count)
    var choice = Choice(repeating: w.firstTap)
    w.forEachTap { at, tap in
      x.prefetch(at &+ ahead)
      let value = x.load(at, count)
      let wins = surpasses(value, largest)
      largest = choose(wins, value, largest)
      choice = choose(wins, Choice(repeating: tap), choice)
    }
    store(largest, y + out, count, size &- out)
    storeBytes(choices + out, choice)
  }
}

/// y (+)= x at the choices.
public func poolChosen(_ p: UnsafePointer<cv_pool>) {
  let p = p.pointee
  let (x, y, choices) = (Row(reals(p.from), p.imageSize), reals(p.to), p.choices!)
  let (size, accumulate) = (p.resultSize, p.accumulate != 0)
  p.forEachWindow { w, out, count in
    let choice = loadBytes(choices + out)
    var chosen = Lanes(repeating: 0)
    w.forEachTap { at, tap in chosen = choose(equal(choice, tap), x.load(at, count), chosen) }
    if accumulate {
      add(chosen, y + out, count, size &- out)
    } else {
      store(chosen, y + out, count, size &- out)
    }
  }
}

/// x += y at the choices.
public func poolAdjoint(_ p: UnsafePointer<cv_pool>) {
  let p = p.pointee
  let (y, x, choices) = (Row(reals(p.from), p.resultSize), reals(p.to), p.choices!)
  let size = p.imageSize
  p.forEachWindow { w, out, count in
    let (choice, g) = (loadBytes(choices + out), y.load(out, count))
    w.forEachTap { at, tap in
      let part = choose(equal(choice, tap), g, Lanes(repeating: 0))
      add(part, x + at, count, size &- at)
    }
  }
}

/// x = y at the choices and 0 elsewhere, for windows side by side that cover the image: in the order of their addresses.
public func poolAdjointOfTiles(_ p: UnsafePointer<cv_pool>) {
  let p = p.pointee
  let (y, x, choices) = (Row(reals(p.from), p.resultSize), reals(p.to), p.choices!)
  let (channels, width, columns) = (Int(p.channels), Int(p.out_width), Int(p.kernel_width))
  let size = p.imageSize
  var at = 0
  for row in 0..<Int(p.out_height) {
    for ky in 0..<Int(p.kernel_height) {
      for pixel in (row &* width)..<((row &+ 1) &* width) {
        for kx in 0..<columns {
          let tap = Tap(truncatingIfNeeded: ky &* columns &+ kx)
          var c = 0
          while c < channels {
            let out = pixel &* channels &+ c
            let chosen = equal(loadBytes(choices + out), tap)
            let count = min(lanes, channels &- c)
            let part = choose(chosen, y.load(out, count), Lanes(repeating: 0))
            store(part, x + (at &+ c), count, size &- at &- c)
            c &+= lanes
          }
          at &+= channels
        }
      }
    }
  }
}

/// Numbers that may be read up to the `size`-th.
private struct Row {
  private let p: UnsafePointer<Real>
  private let size: Int

  @inline(__always)
  init(_ p: UnsafePointer<Real>, _ size: Int) { (self.p, self.size) = (p, size) }

  @inline(__always)
  func prefetch(_ at: Int) { cv_prefetch_near(p + at) }

  @inline(__always)
  func load(_ at: Int, _ count: Int) -> Lanes {
    at &+ lanes <= size
      ? UnsafeRawPointer(p + at).loadUnaligned(as: Lanes.self)
      : loadFirst(p + at, Int32(truncatingIfNeeded: count))
  }
}

@inline(__always)
private func store(_ value: Lanes, _ p: UnsafeMutablePointer<Real>, _ count: Int, _ room: Int) {
  if room >= lanes {
    UnsafeMutableRawPointer(p).storeBytes(of: value, as: Lanes.self)
  } else {
    storeFirst(value, p, Int32(truncatingIfNeeded: count))
  }
}

@inline(__always)
private func add(_ value: Lanes, _ p: UnsafeMutablePointer<Real>, _ count: Int, _ room: Int) {
  let own = first(value, Int32(truncatingIfNeeded: count))
  store(Row(UnsafePointer(p), room).load(0, count) + own, p, count, room)
}

/// The part of a window that lies in the image, for one vector of channels.
private struct Window {
  let first: Int
  let firstTap: Tap
  private let rows: Int, columns: Int
  private let row: Int, column: Int, kernelWidth: Int

  @inline(__always)
  init(_ p: cv_pool, _ y: Int, _ x: Int, _ c: Int) {
    let (top, left) = (max(0, -y), max(0, -x))
    (row, column) = (Int(p.width) &* Int(p.channels), Int(p.channels))
    rows = min(Int(p.kernel_height), Int(p.height) &- y) &- top
    columns = min(Int(p.kernel_width), Int(p.width) &- x) &- left
    kernelWidth = Int(p.kernel_width)
    first = (y &+ top) &* row &+ (x &+ left) &* column &+ c
    firstTap = Tap(truncatingIfNeeded: top &* kernelWidth &+ left)
  }

  @inline(__always)
  func forEachTap(_ body: (_ at: Int, _ tap: Tap) -> Void) {
    if rows == 2 && columns == 2 {
      body(first, firstTap)
      body(first &+ column, firstTap &+ 1)
      let below = firstTap &+ Tap(truncatingIfNeeded: kernelWidth)
      body(first &+ row, below)
      body(first &+ row &+ column, below &+ 1)
      return
    }
    for ky in 0..<rows {
      for kx in 0..<columns {
        body(
          first &+ ky &* row &+ kx &* column,
          firstTap &+ Tap(truncatingIfNeeded: ky &* kernelWidth &+ kx))
      }
    }
  }
}

extension cv_pool {
  fileprivate var imageSize: Int { Int(height) &* Int(width) &* Int(channels) }
  fileprivate var resultSize: Int { Int(out_height) &* Int(out_width) &* Int(channels) }

  /// Every vector of channels of every window; `out` is its place in the result, `count` the channels that are left.
  @inline(__always)
  fileprivate func forEachWindow(_ body: (_ window: Window, _ out: Int, _ count: Int) -> Void) {
    let channels = Int(channels)
    var out = 0
    for row in 0..<Int(out_height) {
      let y = row &* Int(stride_y) &- Int(pad_y)
      for column in 0..<Int(out_width) {
        let x = column &* Int(stride_x) &- Int(pad_x)
        var c = 0
        while c < channels {
          body(Window(self, y, x, c), out &+ c, min(lanes, channels &- c))
          c &+= lanes
        }
        out &+= channels
      }
    }
  }
}

import CVector

#if WIDE_VECTORS
  /// The leaves of convolution with a vector lane for each of sixteen images: no lane is idle whatever the channels and
  /// outputs, and windows that lie beyond the image in part cost what they hold.

  /// Outputs that a tile holds at most, by four pixels.
  public let tallestImages = 6

  /// Sixteen images side by side become lanes: target[i][image] of source[image * step + i].
  public func fillLanes(
    _ source: UnsafePointer<Float>, _ step: Int, _ images: Int, _ count: Int,
    _ target: UnsafeMutablePointer<Float>
  ) {
    var at = 0
    if count >= 16 {
      while at < count {
        // The last group overlaps its forerunner.
        at = min(at, count &- 16)
        cv_transpose_f32(source + at, step, images, target + 16 &* at, 16)
        at &+= 16
      }
      return
    }
    while at < count {
      for image in 0..<16 { target[16 &* at &+ image] = source[min(image, images &- 1) &* step &+ at] }
      at &+= 1
    }
  }

  /// The reverse, for as many images as there are.
  public func drainLanes(
    _ source: UnsafePointer<Float>, _ count: Int, _ target: UnsafeMutablePointer<Float>, _ step: Int,
    _ images: Int, _ accumulate: Bool
  ) {
    var at = 0
    if images == 16 && !accumulate && count >= 16 {
      while at < count {
        at = min(at, count &- 16)
        cv_transpose_f32(source + 16 &* at, 16, 16, target + at, step)
        at &+= 16
      }
      return
    }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 256) { square in
      let square = square.baseAddress!
      while at < count {
        let present = min(16, count &- at)
        cv_transpose_f32(source + 16 &* at, 16, present, square, 16)
        for image in 0..<images {
          let (from, to) = (square + 16 &* image, target + (image &* step &+ at))
          if present == 16 {
            store16(accumulate ? load16(to) + load16(from) : load16(from), to)
          } else {
            for i in 0..<present { to[i] = accumulate ? to[i] + from[i] : from[i] }
          }
        }
        at &+= 16
      }
    }
  }

  /// A row of outputs.
  public func convolveLanes(_ c: UnsafePointer<cv_lanes>) {
    let c = c.pointee
    let (outputs, groups, pixels) = (Int(c.outputs), Int(c.groups), Int(c.pixels))
    var (w, low) = (c.weights!, 0)
    for group in 0..<groups {
      let height = outputs &* (group &+ 1) / groups &- low
      switch height {
      case 1: walk(One.self, c, pixels, w, low)
      case 2: walk(Two.self, c, pixels, w, low)
      case 3: walk(Three.self, c, pixels, w, low)
      case 4: walk(Four.self, c, pixels, w, low)
      case 5: walk(Five.self, c, pixels, w, low)
      default: walk(Six.self, c, pixels, w, low)
      }
      w += Int(c.depth) &* height
      low &+= height
    }
  }

  @inline(__always)
  private func walk<H: Heights>(
    _: H.Type, _ c: cv_lanes, _ pixels: Int, _ w: UnsafePointer<Float>, _ low: Int
  ) {
    var at = 0
    while at &+ 4 <= pixels {
      // At the ends of a row two pairs may meet fewer taps than four pixels together.
      if 2 &* taps(c, at, 4).count <= taps(c, at, 2).count &+ taps(c, at &+ 2, 2).count {
        tile(H.By4.self, c, at, w, low)
        at &+= 4
      } else {
        tile(H.By2.self, c, at, w, low)
        at &+= 2
      }
    }
    if at &+ 2 <= pixels {
      tile(H.By2.self, c, at, w, low)
      at &+= 2
    }
    if at < pixels { tile(H.By1.self, c, at, w, low) }
  }

  /// The taps of a row that meet the image for any of `width` pixels; the first of them read furthest to the left.
  @inline(__always)
  private func taps(_ c: cv_lanes, _ at: Int, _ width: Int) -> Range<Int> {
    var (first, end) = (0, Int(c.taps))
    while first < end && Int(c.columns[first]) &+ (at &+ width &- 1) &* Int(c.stride) < 0 { first &+= 1 }
    while first < end && Int(c.columns[end &- 1]) &+ at &* Int(c.stride) >= Int(c.width) { end &-= 1 }
    return first..<end
  }

  @inline(__always)
  private func tile<T: LaneTile>(
    _: T.Type, _ c: cv_lanes, _ at: Int, _ w: UnsafePointer<Float>, _ low: Int
  ) {
    var sums = T()
    let (run, step) = (Int(c.run), Int(c.x_pixel))
    let present = taps(c, at, T.Pixels.count)
    let x = c.x! + at &* step
    for row in 0..<Int(c.rows) {
      let from = x + Int(c.offsets[row])
      var weights = w + ((Int(c.skipped) &+ row) &* Int(c.taps) &+ present.lowerBound) &* run &* T.height
      for tap in present {
        var x = from + (Int(c.columns[tap]) &+ Int(c.left)) &* 16 &* run
        for _ in 0..<run {
          sums.add(weights, T.Pixels(x, step))
          weights += T.height
          x += 16
        }
      }
    }
    sums.write(c.y! + (at &* Int(c.outputs) &+ low) &* 16, 16 &* Int(c.outputs))
  }

  /// The same place of neighboring pixels.
  private protocol LanePixels {
    static var count: Int { get }
    init()
    init(_ p: UnsafePointer<Float>, _ step: Int)
    mutating func add(_ w: SIMD16<Float>, _ x: Self)
    func write(_ p: UnsafeMutablePointer<Float>, _ step: Int)
  }

  private struct OnePixel: LanePixels {
    private var a: SIMD16<Float>

    @inline(__always) static var count: Int { 1 }
    @inline(__always) init() { a = SIMD16(repeating: 0) }
    @inline(__always) init(_ p: UnsafePointer<Float>, _ step: Int) { a = load16(p) }
    @inline(__always) mutating func add(_ w: SIMD16<Float>, _ x: Self) { a = cv_fma_f32(w, x.a, a) }
    @inline(__always) func write(_ p: UnsafeMutablePointer<Float>, _ step: Int) { store16(a, p) }
  }

  private struct Twice<Half: LanePixels>: LanePixels {
    private var left: Half
    private var right: Half

    @inline(__always) static var count: Int { 2 &* Half.count }
    @inline(__always)
    init() { (left, right) = (Half(), Half()) }
    @inline(__always)
    init(_ p: UnsafePointer<Float>, _ step: Int) {
      left = Half(p, step)
      right = Half(p + Half.count &* step, step)
    }
    @inline(__always)
    mutating func add(_ w: SIMD16<Float>, _ x: Self) {
      left.add(w, x.left)
      right.add(w, x.right)
    }
    @inline(__always)
    func write(_ p: UnsafeMutablePointer<Float>, _ step: Int) {
      left.write(p, step)
      right.write(p + Half.count &* step, step)
    }
  }

  /// Outputs by pixels.
  private protocol LaneTile {
    associatedtype Pixels: LanePixels
    static var height: Int { get }
    init()
    mutating func add(_ w: UnsafePointer<Float>, _ x: Pixels)
    func write(_ p: UnsafeMutablePointer<Float>, _ step: Int)
  }

  private struct Output<Pixels: LanePixels>: LaneTile {
    private var sums = Pixels()

    @inline(__always) static var height: Int { 1 }
    @inline(__always) init() {}
    @inline(__always)
    mutating func add(_ w: UnsafePointer<Float>, _ x: Pixels) { sums.add(SIMD16(repeating: w.pointee), x) }
    @inline(__always)
    func write(_ p: UnsafeMutablePointer<Float>, _ step: Int) { sums.write(p, step) }
  }

  private struct Above<Upper: LaneTile, Lower: LaneTile>: LaneTile where Upper.Pixels == Lower.Pixels {
    private var upper = Upper()
    private var lower = Lower()

    @inline(__always) static var height: Int { Upper.height &+ Lower.height }
    @inline(__always) init() {}
    @inline(__always)
    mutating func add(_ w: UnsafePointer<Float>, _ x: Upper.Pixels) {
      upper.add(w, x)
      lower.add(w + Upper.height, x)
    }
    @inline(__always)
    func write(_ p: UnsafeMutablePointer<Float>, _ step: Int) {
      upper.write(p, step)
      lower.write(p + 16 &* Upper.height, step)
    }
  }

  private protocol Heights {
    associatedtype By4: LaneTile
    associatedtype By2: LaneTile
    associatedtype By1: LaneTile
  }
  private typealias Output4 = Output<Twice<Twice<OnePixel>>>
  private typealias Output2 = Output<Twice<OnePixel>>
  private typealias Output1 = Output<OnePixel>
  private enum One: Heights {
    typealias By4 = Output4
    typealias By2 = Output2
    typealias By1 = Output1
  }
  private enum Sum<A: Heights, B: Heights>: Heights
  where A.By4.Pixels == B.By4.Pixels, A.By2.Pixels == B.By2.Pixels, A.By1.Pixels == B.By1.Pixels {
    typealias By4 = Above<A.By4, B.By4>
    typealias By2 = Above<A.By2, B.By2>
    typealias By1 = Above<A.By1, B.By1>
  }
  private typealias Two = Sum<One, One>
  private typealias Three = Sum<Two, One>
  private typealias Four = Sum<Two, Two>
  private typealias Five = Sum<Four, One>
  private typealias Six = Sum<Four, Two>
#endif

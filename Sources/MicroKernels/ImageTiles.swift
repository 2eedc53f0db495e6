import CVector

#if WIDE_VECTORS
  /// The leaves of convolution with a vector lane for each of sixteen images: no lane is idle whatever the channels and
  /// outputs, and windows that lie beyond the image in part cost what they hold.

  /// Outputs that a tile holds at most, by four pixels.
  public let tallestImages = 6

  /// Sixteen images side by side become lanes: target[i][image] of source[image * step + i].
  public func fillLanes(
    _ source: UnsafeRawPointer, _ step: Int, _ images: Int, _ count: Int, _ target: UnsafeMutableRawPointer
  ) {
    let (source, target) = (reals(source), reals(target))
    var at = 0
    if count >= lanes {
      while at < count {
        // The last group overlaps its forerunner.
        at = min(at, count &- lanes)
        transposeLanes(source + at, step, images, target + lanes &* at, lanes)
        at &+= lanes
      }
      return
    }
    while at < count {
      for image in 0..<lanes { target[lanes &* at &+ image] = source[min(image, images &- 1) &* step &+ at] }
      at &+= 1
    }
  }

  /// The reverse, for as many images as there are.
  public func drainLanes(
    _ source: UnsafeRawPointer, _ count: Int, _ target: UnsafeMutableRawPointer, _ step: Int, _ images: Int,
    _ accumulate: Bool
  ) {
    let (source, target) = (reals(source), reals(target))
    var at = 0
    if images == lanes && !accumulate && count >= lanes {
      while at < count {
        at = min(at, count &- lanes)
        transposeLanes(source + lanes &* at, lanes, lanes, target + at, step)
        at &+= lanes
      }
      return
    }
    withUnsafeTemporaryAllocation(of: Real.self, capacity: 256) { square in
      let square = square.baseAddress!
      while at < count {
        let present = min(lanes, count &- at)
        transposeLanes(source + lanes &* at, lanes, present, square, lanes)
        for image in 0..<images {
          let (from, to) = (square + lanes &* image, target + (image &* step &+ at))
          if present == lanes {
            storeLanes(accumulate ? loadLanes(to) + loadLanes(from) : loadLanes(from), to)
          } else {
            for i in 0..<present { to[i] = accumulate ? to[i] + from[i] : from[i] }
          }
        }
        at &+= lanes
      }
    }
  }

  /// A row of outputs.
  public func convolveLanes(_ c: UnsafePointer<cv_lanes>) {
    let c = c.pointee
    let (outputs, groups, pixels) = (Int(c.outputs), Int(c.groups), Int(c.pixels))
    var (w, low) = (reals(c.weights), 0)
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
    _: H.Type, _ c: cv_lanes, _ pixels: Int, _ w: UnsafePointer<Real>, _ low: Int
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
    _: T.Type, _ c: cv_lanes, _ at: Int, _ w: UnsafePointer<Real>, _ low: Int
  ) {
    var sums = T()
    let (run, step) = (Int(c.run), Int(c.x_pixel))
    let present = taps(c, at, T.Pixels.count)
    let x = reals(c.x) + at &* step
    for row in 0..<Int(c.rows) {
      let from = x + Int(c.offsets[row])
      var weights = w + ((Int(c.skipped) &+ row) &* Int(c.taps) &+ present.lowerBound) &* run &* T.height
      for tap in present {
        var x = from + (Int(c.columns[tap]) &+ Int(c.left)) &* lanes &* run
        for _ in 0..<run {
          sums.add(weights, T.Pixels(x, step))
          weights += T.height
          x += lanes
        }
      }
    }
    sums.write(reals(c.y) + (at &* Int(c.outputs) &+ low) &* lanes, lanes &* Int(c.outputs))
  }

  /// The same place of neighboring pixels.
  private protocol LanePixels {
    static var count: Int { get }
    init()
    init(_ p: UnsafePointer<Real>, _ step: Int)
    mutating func add(_ w: Lanes, _ x: Self)
    func write(_ p: UnsafeMutablePointer<Real>, _ step: Int)
  }

  private struct OnePixel: LanePixels {
    private var a: Lanes

    @inline(__always) static var count: Int { 1 }
    @inline(__always) init() { a = Lanes(repeating: 0) }
    @inline(__always) init(_ p: UnsafePointer<Real>, _ step: Int) { a = loadLanes(p) }
    @inline(__always) mutating func add(_ w: Lanes, _ x: Self) { a = multiplyAdd(w, x.a, a) }
    @inline(__always) func write(_ p: UnsafeMutablePointer<Real>, _ step: Int) { storeLanes(a, p) }
  }

  private struct Twice<Half: LanePixels>: LanePixels {
    private var left: Half
    private var right: Half

    @inline(__always) static var count: Int { 2 &* Half.count }
    @inline(__always)
    init() { (left, right) = (Half(), Half()) }
    @inline(__always)
    init(_ p: UnsafePointer<Real>, _ step: Int) {
      left = Half(p, step)
      right = Half(p + Half.count &* step, step)
    }
    @inline(__always)
    mutating func add(_ w: Lanes, _ x: Self) {
      left.add(w, x.left)
      right.add(w, x.right)
    }
    @inline(__always)
    func write(_ p: UnsafeMutablePointer<Real>, _ step: Int) {
      left.write(p, step)
      right.write(p + Half.count &* step, step)
    }
  }

  /// Outputs by pixels.
  private protocol LaneTile {
    associatedtype Pixels: LanePixels
    static var height: Int { get }
    init()
    mutating func add(_ w: UnsafePointer<Real>, _ x: Pixels)
    func write(_ p: UnsafeMutablePointer<Real>, _ step: Int)
  }

  private struct Output<Pixels: LanePixels>: LaneTile {
    private var sums = Pixels()

    @inline(__always) static var height: Int { 1 }
    @inline(__always) init() {}
    @inline(__always)
    mutating func add(_ w: UnsafePointer<Real>, _ x: Pixels) { sums.add(Lanes(repeating: w.pointee), x) }
    @inline(__always)
    func write(_ p: UnsafeMutablePointer<Real>, _ step: Int) { sums.write(p, step) }
  }

  private struct Above<Upper: LaneTile, Lower: LaneTile>: LaneTile where Upper.Pixels == Lower.Pixels {
    private var upper = Upper()
    private var lower = Lower()

    @inline(__always) static var height: Int { Upper.height &+ Lower.height }
    @inline(__always) init() {}
    @inline(__always)
    mutating func add(_ w: UnsafePointer<Real>, _ x: Upper.Pixels) {
      upper.add(w, x)
      lower.add(w + Upper.height, x)
    }
    @inline(__always)
    func write(_ p: UnsafeMutablePointer<Real>, _ step: Int) {
      upper.write(p, step)
      lower.write(p + lanes &* Upper.height, step)
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

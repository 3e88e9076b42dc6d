// Plays every stream end of a Verilated model in compiled code, by the rules of player.py.
//
// `ports.h` is made for each model: it names the class and joins its streams, in the order of the
// component's signature. Words are rows of 32-bit words, lowest first.
#include <cstdint>
#include <cstring>
#include <vector>

#include "ports.h"
#include "verilated.h"
#if VM_COVERAGE
#include "verilated_cov.h"
#endif

namespace {

struct Port {
    void* at;
    size_t bytes;
};

struct End {
    Port payload;
    CData *valid, *ready;
    size_t stride() const { return (payload.bytes + 3) / 4; }
};

// Python's own generator (MT19937), from the state of random.Random(seed): the pauses are those of
// every other engine.
class Chance {
public:
    explicit Chance(const uint32_t* from) { std::memcpy(state, from, sizeof state); }
    double next() {
        const uint32_t high = word() >> 5, low = word() >> 6;
        return (high * 67108864.0 + low) / 9007199254740992.0;
    }

private:
    static constexpr int N = 624, M = 397;
    uint32_t state[N];
    int at = N;

    uint32_t word() {
        if (at == N) fill();
        uint32_t y = state[at++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c5680u;
        y ^= (y << 15) & 0xefc60000u;
        return y ^ (y >> 18);
    }
    void fill() {
        for (int k = 0; k < N; k++) {
            const uint32_t y = (state[k] & 0x80000000u) | (state[(k + 1) % N] & 0x7fffffffu);
            state[k] = state[(k + M) % N] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0u);
        }
        at = 0;
    }
};

struct Sender {
    End end;
    const uint32_t* rows = nullptr;
    const uint64_t* due = nullptr;  // cycle before which each word is not offered, if given
    size_t count = 0, sent = 0;
    bool offering = false;
    std::vector<uint64_t> cycles;  // in which each word was taken

    bool waits(uint64_t cycle) const { return due && sent < count && cycle < due[sent]; }
    void drive(Chance& chance, double pause, uint64_t cycle) {
        if (!offering && sent < count && !waits(cycle)) offering = chance.next() >= pause;
        *end.valid = offering;
        if (offering)
            std::memcpy(end.payload.at, rows + sent * end.stride(), end.payload.bytes);
        else
            std::memset(end.payload.at, 0, end.payload.bytes);
    }
    void again() {
        rows = nullptr, due = nullptr;
        count = sent = 0;
        offering = false;
        cycles.clear();
    }
    bool see(uint64_t cycle) {
        const bool taken = offering && *end.ready;
        if (taken) {
            cycles.push_back(cycle);
            sent++;
            offering = false;
        }
        return taken;
    }
};

struct Receiver {
    End end;
    std::vector<uint32_t> rows, held;
    std::vector<uint64_t> cycles;  // in which each word was taken
    std::vector<uint64_t> shown;   // in which it was first offered
    bool holding = false, asked = false, broken = false;

    void drive(Chance& chance, double pause) { *end.ready = asked && chance.next() >= pause; }
    void again() {  // a word that is held is shown now, as far as the next piece knows
        const uint64_t now = shown.empty() ? 0 : shown.back();
        rows.clear(), cycles.clear(), shown.clear();
        if (holding) shown.push_back(now);
    }
    bool see(uint64_t cycle) {
        const bool valid = *end.valid;
        if (holding && (!valid || std::memcmp(held.data(), end.payload.at, end.payload.bytes))) {
            broken = true;
            return false;
        }
        if (!valid) return false;
        asked = true;
        if (!holding) {
            held.assign(end.stride(), 0);
            std::memcpy(held.data(), end.payload.at, end.payload.bytes);
            shown.push_back(cycle);
        }
        holding = !*end.ready;
        if (holding) return false;
        rows.insert(rows.end(), held.begin(), held.end());
        cycles.push_back(cycle);
        return true;
    }
};

struct Bench {
    VerilatedContext context;
    MODEL top{&context};
    std::vector<Sender> inputs;
    std::vector<Receiver> outputs;
    std::vector<Port> plain;
    Chance chance;
    double pause;
    uint64_t patience, most, cycle = 0, silent = 0;
    int broken = -1;

    Bench(const uint32_t* state, double pause, uint64_t patience, uint64_t most, bool asked)
        : chance(state), pause(pause), patience(patience), most(most) {
#define PORT(name) {&top.name, sizeof(top.name)}
#define INPUT(payload, valid, ready) inputs.push_back({{PORT(payload), &top.valid, &top.ready}});
#define OUTPUT(payload, valid, ready) outputs.push_back({{PORT(payload), &top.valid, &top.ready}});
#define PLAIN(name) plain.push_back(PORT(name));
        PORTS
        for (auto& output : outputs) output.asked = asked;
    }
    void tick() {  // the clock falls with the next evaluation, which the inputs need anyway
        top.clk = 1;
        top.eval();
        top.clk = 0;
    }
    void reset() {
        for (auto& output : outputs) *output.end.ready = 0;
        top.clk = 0;
        top.rst = 1;
        for (int cycle = 0; cycle < 2; cycle++) {
            top.eval();
            tick();
        }
        top.rst = 0;
    }
    void again(uint64_t words) {
        for (auto& input : inputs) input.again();
        for (auto& output : outputs) output.again();
        silent = 0, most = words;
    }
    bool done() const {
        size_t longest = 0;
        for (const auto& output : outputs)
            if (output.cycles.size() > longest) longest = output.cycles.size();
        return silent > patience || longest > most;
    }
    bool step() {
        for (auto& input : inputs) input.drive(chance, pause, cycle);
        for (auto& output : outputs) output.drive(chance, pause);
        top.eval();
        bool moved = false;
        for (auto& input : inputs) moved |= input.see(cycle) || input.waits(cycle);
        for (size_t k = 0; k < outputs.size(); k++) {
            moved |= outputs[k].see(cycle);
            if (outputs[k].broken) broken = int(k);
        }
        if (broken >= 0) return false;
        silent = moved ? 0 : silent + 1;
        cycle++;
        tick();
        return true;
    }
};

}  // namespace

extern "C" {

Bench* bench_open(const uint32_t* state, double pause, uint64_t patience, uint64_t most, int asked) {
    return new Bench(state, pause, patience, most, asked);
}
void bench_close(Bench* bench) { delete bench; }
void bench_set(Bench* bench, size_t port, const void* from) {
    std::memcpy(bench->plain[port].at, from, bench->plain[port].bytes);
}
void bench_get(Bench* bench, size_t port, void* to) {
    std::memcpy(to, bench->plain[port].at, bench->plain[port].bytes);
}
void bench_feed(Bench* bench, size_t input, const uint32_t* rows, const uint64_t* due,
                size_t count) {
    bench->inputs[input].rows = rows;
    bench->inputs[input].due = due;
    bench->inputs[input].count = count;
}
// Forgets what went in and came out; the model goes on where it is.
void bench_again(Bench* bench, uint64_t most) { bench->again(most); }
void bench_reset(Bench* bench) { bench->reset(); }
// Plays so many cycles; 1 when there is more to play, 0 at the end, 2 + k where output k broke.
int bench_run(Bench* bench, uint64_t cycles) {
    while (cycles--) {
        if (bench->done()) return 0;
        if (!bench->step()) return 2 + bench->broken;
    }
    return 1;
}
uint64_t bench_cycle(Bench* bench) { return bench->cycle; }
uint64_t bench_sent(Bench* bench) {
    uint64_t sent = 0;
    for (const auto& input : bench->inputs) sent += input.sent;
    return sent;
}
uint64_t bench_taken(Bench* bench, size_t input) { return bench->inputs[input].cycles.size(); }
uint64_t bench_given(Bench* bench, size_t output) { return bench->outputs[output].cycles.size(); }
void bench_input(Bench* bench, size_t input, uint64_t* cycles) {
    const auto& from = bench->inputs[input].cycles;
    std::memcpy(cycles, from.data(), from.size() * sizeof(uint64_t));
}
void bench_output(Bench* bench, size_t output, uint32_t* rows, uint64_t* cycles, uint64_t* shown) {
    const auto& from = bench->outputs[output];
    std::memcpy(rows, from.rows.data(), from.rows.size() * sizeof(uint32_t));
    std::memcpy(cycles, from.cycles.data(), from.cycles.size() * sizeof(uint64_t));
    std::memcpy(shown, from.shown.data(), from.cycles.size() * sizeof(uint64_t));
}
// What a breach was: the word held, then whether there is another now, then that one.
int bench_breach(Bench* bench, size_t output, uint32_t* held, uint32_t* now) {
    const auto& from = bench->outputs[output];
    std::memcpy(held, from.held.data(), from.held.size() * sizeof(uint32_t));
    std::memcpy(now, from.end.payload.at, from.end.payload.bytes);
    return *from.end.valid;
}
void bench_coverage(Bench* bench, const char* path) {
#if VM_COVERAGE
    bench->top.final();
    bench->context.coveragep()->write(path);
#endif
}
}

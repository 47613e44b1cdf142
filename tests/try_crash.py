import sys, time, tempfile
from pathlib import Path
from tests.support.crashing_cases import *
if __name__ == "__main__":
    op = sys.argv[1]; stride=int(sys.argv[2]) if len(sys.argv)>2 else 1
    base = Path(tempfile.mkdtemp(prefix="crash"))
    t=time.time()
    p = prepare(op, base)
    print("prepared", time.time()-t, p.steps)
    modes = {"forward": (None,False), "late": (p.late(),False)}
    if p.member(): modes["member"]=(p.member(),False)
    modes["once"]=(p.late(),True)
    for mode,(f,once) in modes.items():
        t=time.time(); n=0; bad=0; 
        for o in sweep(p, every(stride, lambda k: Case((k,), f, once))):
            n+=1
            if o.problems:
                bad+=1; print(mode, o.case.kills, o.killed, o.state, o.problems)
        print(mode, "cases", n, "bad", bad, "s", round(time.time()-t,1))

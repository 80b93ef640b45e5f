import { Sandbox } from '/work/main/test/sandbox/sandbox.ts';
import { Project } from '/work/main/test/e2e/project.ts';
import { terminal } from '/work/main/.github/actions/deploy/src/report/terminal.ts';
const t0=Date.now(); const log=(...a:any[])=>console.log(((Date.now()-t0)/1000).toFixed(1),...a);
const sb = await Sandbox.start({hosts: Number(process.argv[2]??3), first: 61});
log('up', sb.folder);
const p = new Project(sb.privateKey);
try {
  p.compile(sb.clusterYaml());
  const last=new Map<string,string>();
  const doing=(e:any)=>{ const k=e.host+'/'+e.service; if(last.get(k)!==e.doing){last.set(k,e.doing); log(e.host, e.service, e.doing);} };
  const r = await p.run('deploy', {}, doing);
  console.log(terminal(r,'never'));
  if (r.outcome!=='changed') for (const h of sb.hosts) for (const c of h.engine.containers) console.log('=====',h.address,c.service.name,c.status,c.health,'\n',c.log.slice(-1500));
  const r2 = await p.run('deploy', {}, doing);
  console.log(terminal(r2,'never'), r2.counters);
} finally { log('stopping'); await sb.stop(); p.remove(); log('stopped'); }
